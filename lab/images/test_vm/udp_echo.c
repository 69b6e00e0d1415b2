/*
 * UDP echo server on port 7 (RFC 862) for the test VM: every packet goes back to where it came from.
 *
 * No C library, so that the initrd needs none: busybox as Debian builds it has no UDP server. x86-64 system calls only.
 */

enum { SYS_sendto = 44, SYS_recvfrom = 45, SYS_socket = 41, SYS_bind = 49, SYS_exit = 60 };
enum { AF_INET = 2, SOCK_DGRAM = 2 };

struct sockaddr_in {
    unsigned short family;
    unsigned char port[2]; /* network byte order */
    unsigned char address[4];
    unsigned char unused[8];
};

/* The C convention passes arguments in rdi rsi rdx rcx r8 r9 and on the stack, the kernel wants rax and rdi rsi rdx r10 r8 r9. */
long system_call(long number, long a, long b, long c, long d, long e, long f);
__asm__(".globl system_call\n"
        "system_call:\n"
        "  mov %rdi, %rax\n"
        "  mov %rsi, %rdi\n"
        "  mov %rdx, %rsi\n"
        "  mov %rcx, %rdx\n"
        "  mov %r8, %r10\n"
        "  mov %r9, %r8\n"
        "  mov 8(%rsp), %r9\n"
        "  syscall\n"
        "  ret\n");

static const struct sockaddr_in here = {AF_INET, {0, 7}}; /* any address, port 7 */
static struct sockaddr_in peer;
static char packet[65536];

void _start(void)
{
    long udp = system_call(SYS_socket, AF_INET, SOCK_DGRAM, 0, 0, 0, 0);

    if (system_call(SYS_bind, udp, (long)&here, sizeof here, 0, 0, 0) < 0)
        system_call(SYS_exit, 1, 0, 0, 0, 0, 0);
    for (;;) {
        int peer_size = sizeof peer;
        long size = system_call(SYS_recvfrom, udp, (long)packet, sizeof packet, 0, (long)&peer, (long)&peer_size);

        if (size >= 0)
            system_call(SYS_sendto, udp, (long)packet, size, 0, (long)&peer, peer_size);
    }
}
