#!/usr/bin/python
# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: downtime_probe
short_description: Measure from outside how long a VM cannot be reached
version_added: 0.1.0
description:
  - Sends an echo request to the target every few milliseconds and records what comes back, on the monotonic clock.
  - With O(state=started) a detached prober works while other tasks run, for example a live migration. It ends by itself
    after O(max_seconds), whatever happens to the run that started it.
  - With O(state=stopped) the prober ends and its measurement is returned. In check mode, what has been measured so far is returned and
    the prober goes on.
  - Lost, late and duplicate answers are told apart. Interruptions are given in two views. A I(gap) lies between the send times of two
    answered requests with unanswered ones between them, that is loss. A I(silence) lies between two answers received, that is what a user feels.
  - The prober's own stalls are part of the result. An interruption that coincides with a stall is marked as not proven.
  - The resolution is one O(interval_ms).
author:
  - Contributors to baremetal.vmsite (@baremetal)
notes:
  - Run it on a host outside the VM and, for a migration, on neither the source nor the target host.
  - Raw sockets and real-time scheduling need root.
  - The record lies under C(/var/lib/vmsite/probes/), in a directory named after O(id). It stays readable when the prober is killed.
extends_documentation_fragment:
  - baremetal.vmsite.host
  - baremetal.vmsite.attributes
  - baremetal.vmsite.attributes.changes
options:
  state:
    description:
      - V(started) has a prober at work. If a probe of this O(id) is at work already with the same settings, nothing changes. A finished
        measurement of the same O(id) is replaced.
      - V(stopped) ends the prober, if it is at work, and returns the measurement.
      - V(measured) measures for O(seconds) while the task waits, changes nothing and leaves nothing on the host. In check mode it measures nothing.
      - V(absent) ends the prober, if it is at work, and removes the record.
    type: str
    choices: [started, stopped, measured, absent]
    required: true
  id:
    description:
      - The name of the measurement on this host, for example the name of the VM and of the run.
      - Required unless O(state=measured).
    type: str
  target:
    description:
      - The address (IPv4 or IPv6) or name to probe. A name is resolved once.
      - If it does not answer within O(answer_within_seconds), nothing is started.
      - Required with O(state=started) and O(state=measured).
    type: str
  protocol:
    description: V(icmp) sends ICMP echo requests, which every guest answers. V(udp) sends datagrams to an echo service on O(port).
    type: str
    choices: [icmp, udp]
    default: icmp
  port:
    description: The port of the target's UDP echo service. Required with O(protocol=udp).
    type: int
    default: 0
  source:
    description: The address of this host to send from. By default the route decides.
    type: str
    default: ''
  interface:
    description: The interface to send through. By default the route decides.
    type: str
    default: ''
  interval_ms:
    description: The time between two requests, 1 to 1000 ms.
    type: float
    default: 5
  max_seconds:
    description: With O(state=started), how long the prober works if nobody stops it. At most two hours.
    type: float
    default: 600
  seconds:
    description: With O(state=measured), how long to measure.
    type: float
    default: 10
  late_after_ms:
    description: An answer that takes longer than this is counted as late. It is not lost.
    type: float
    default: 100
  answer_within_seconds:
    description: How long the target may take to give its first answer before the measurement is refused.
    type: float
    default: 5
  max_gap_ms:
    description: The longest gap that is allowed, for RV(measurement.verdict). A missed limit does not fail the task.
    type: float
  max_silence_ms:
    description: The longest silence that is allowed, for RV(measurement.verdict). A missed limit does not fail the task.
    type: float
seealso:
  - module: baremetal.vmsite.libvirt_migrate
  - module: baremetal.vmsite.report
"""

EXAMPLES = r"""
- name: Start measuring on a prober
  baremetal.vmsite.downtime_probe:
    state: started
    id: web1-migration
    target: 10.99.0.51
    interface: data0

- name: Move the VM meanwhile
  baremetal.vmsite.libvirt_migrate:
    name: web1
    target: compute2
  delegate_to: compute1

- name: Stop and read the measurement
  baremetal.vmsite.downtime_probe:
    state: stopped
    id: web1-migration
    max_gap_ms: 100
  register: interruption

- name: The interruption is short enough, and that is proven
  ansible.builtin.assert:
    that: interruption.measurement.verdict.result == 'met'

- name: Measure an idle path for ten seconds
  baremetal.vmsite.downtime_probe:
    state: measured
    target: 10.99.0.51

- name: Remove the record
  baremetal.vmsite.downtime_probe:
    state: absent
    id: web1-migration
"""

RETURN = r"""
probe:
  description:
    - The probe of this O(id) after the call (in check mode, as it is now).
    - Its C(state) is V(running), V(ended) or V(absent). C(record) is the file with the record. C(pid) is the prober's process.
    - While it runs, C(address) is the address probed, C(realtime) tells whether real-time scheduling was granted, C(scheduling) says why not.
  returned: success, unless O(state=measured)
  type: dict
  sample:
    id: web1-migration
    state: running
    record: /var/lib/vmsite/probes/web1-migration/samples
    pid: 4711
    address: 10.99.0.51
    realtime: true
    scheduling: SCHED_FIFO, priority 50
measurement:
  description: What was measured. With O(state=stopped) in check mode and a running probe, what has been measured so far.
  returned: O(state=stopped) with a record, O(state=measured) except in check mode
  type: dict
  contains:
    target:
      description: What was asked to be probed. C(address) is the address that it stood for, C(protocol) is V(icmp) or V(udp).
      type: str
      sample: 10.99.0.51
    interval_ms:
      description: Time between two requests, which is the resolution.
      type: float
      sample: 5.0
    realtime:
      description: Whether the prober had real-time scheduling.
      type: bool
      sample: true
    scheduling:
      description: How the prober was scheduled, and why not better.
      type: str
      sample: SCHED_FIFO, priority 50
    started:
      description: Wall-clock time of the first request.
      type: str
      sample: '2026-11-25T07:10:37.123Z'
    seconds:
      description: Length of the record.
      type: float
      sample: 12.48
    ended:
      description: V(stopped), V(time_over), V(killed), V(failed) or V(running).
      type: str
      sample: stopped
    sent:
      description: Requests sent.
      type: int
      sample: 2496
    answered:
      description: Requests answered, in time or late.
      type: int
      sample: 2461
    lost:
      description: Requests sent and never answered.
      type: int
      sample: 35
    refused:
      description: Requests that this host's own kernel did not send, for example without a route. Not part of RV(measurement.sent).
      type: int
      sample: 0
    undecided:
      description: The last requests of a record without an end, which may still have been answered. Neither answered nor lost.
      type: int
      sample: 0
    late:
      description: Answers that took longer than C(late_after_ms).
      type: int
      sample: 2
    duplicates:
      description: Further answers to a request that was answered already.
      type: int
      sample: 0
    rtt_ms:
      description: Round trip times in ms, V(null) if nothing was answered.
      type: dict
      sample: {median: 0.412, p99: 2.31, max: 121.7}
    longest_gap_ms:
      description: The longest gap, 0 if nothing was lost.
      type: float
      sample: 180.1
    longest_silence_ms:
      description: The longest time between two answers.
      type: float
      sample: 176.9
    longest_stall_ms:
      description: The longest time for which the prober itself did not work, 0 if it missed no request.
      type: float
      sample: 0.0
    gaps:
      description:
        - The gaps in order of time, at most the 100 longest.
        - C(start_s) counts from the first request. C(length_ms) runs from the last answered request before to the first one after.
        - C(certain_ms) runs from the first to the last unanswered request, without stalls. The outage lies between the two lengths.
        - C(lost) counts the requests. C(proven) is V(false) if the prober stalled meanwhile. C(open) is V(start), V(end) or V(both) where
          the record begins or ends within the gap, else empty.
      type: list
      elements: dict
      sample:
        - start_s: 4.21
          wall_time: '2026-11-25T07:10:41.333Z'
          length_ms: 180.1
          certain_ms: 170.0
          lost: 35
          proven: true
          open: ''
    gaps_total:
      description: The number of gaps, listed or not.
      type: int
      sample: 1
    silences:
      description: The silences longer than three intervals in order of time, at most the 100 longest. Keys as in RV(measurement.gaps).
      type: list
      elements: dict
      sample: [{start_s: 4.2104, wall_time: '2026-11-25T07:10:41.333Z', length_ms: 176.9, proven: true, open: ''}]
    stalls:
      description: Times at which the prober missed at least one request, in order of time, at most the 100 longest.
      type: list
      elements: dict
      sample: []
    stalls_total:
      description: The number of stalls, listed or not.
      type: int
      sample: 0
    strip:
      description: Requests and answers per slice of time, for a picture.
      type: dict
      sample: {slice_ms: 30.0, sent: [6, 6, 6], answered: [6, 0, 6]}
    verdict:
      description: The measurement against C(max_gap_ms) and C(max_silence_ms). C(result) is V(met), V(missed), V(not_proven) or, without a limit, V(no_limit).
      type: dict
      sample:
        result: missed
        reasons: [gap of 180.1 ms at 4.21 s, allowed are 100 ms (35 requests lost)]
changes:
  description: Every difference between what was asked and what was found, in the order in which it is applied (in check mode, would be).
  returned: success
  type: list
  elements: dict
  contains:
    what:
      description: The thing that differs.
      type: str
    current:
      description: Its value before the call.
      type: raw
    wanted:
      description: Its value after the call.
      type: raw
    reason:
      description: Why it is to have this value.
      type: str
    needs:
      description:
        - What must happen before the new value is in force.
        - One of V(nothing), V(service_restart), V(reboot) and V(drain).
      type: str
reboot_required:
  description: Whether a value is in force only after a reboot. It stays V(true) until the host was rebooted.
  returned: success
  type: bool
  sample: false
reboot_reasons:
  description: What waits for the reboot, one sentence each.
  returned: success
  type: list
  elements: str
  sample: []
restart_required:
  description: Whether a value is in force only after a service was restarted.
  returned: success
  type: bool
  sample: false
restart_reasons:
  description: What waits for the restart, one sentence each.
  returned: success
  type: list
  elements: str
  sample: []
"""

import typing as t

from ansible_collections.baremetal.vmsite.plugins.module_utils._door import run
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.channel import Endpoint
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.measurements import (
    Absent,
    Measured,
    Started,
    Stopped,
)
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.process import Pace
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.session import Settings
from ansible_collections.baremetal.vmsite.plugins.module_utils._host.probe.verdict import Limits

if t.TYPE_CHECKING:
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.concern import Concern
    from ansible_collections.baremetal.vmsite.plugins.module_utils._host.root import HostRoot

ARGUMENT_SPEC: dict[str, t.Any] = {
    "state": {"type": "str", "choices": ["started", "stopped", "measured", "absent"], "required": True},
    "id": {"type": "str"},
    "target": {"type": "str"},
    "protocol": {"type": "str", "choices": ["icmp", "udp"], "default": "icmp"},
    "port": {"type": "int", "default": 0},
    "source": {"type": "str", "default": ""},
    "interface": {"type": "str", "default": ""},
    "interval_ms": {"type": "float", "default": 5.0},
    "max_seconds": {"type": "float", "default": 600.0},
    "seconds": {"type": "float", "default": 10.0},
    "late_after_ms": {"type": "float", "default": 100.0},
    "answer_within_seconds": {"type": "float", "default": 5.0},
    "max_gap_ms": {"type": "float"},
    "max_silence_ms": {"type": "float"},
}

REQUIRED_IF = [
    ("state", "started", ["id", "target"]),
    ("state", "measured", ["target"]),
    ("state", "stopped", ["id"]),
    ("state", "absent", ["id"]),
]


def build(options: dict[str, t.Any], root: HostRoot) -> Concern:
    limits = Limits(options["max_gap_ms"], options["max_silence_ms"])
    if options["state"] == "started":
        return Started(root, options["id"], _settings(options, options["max_seconds"]), options["answer_within_seconds"])
    if options["state"] == "measured":
        return Measured(_settings(options, options["seconds"]), limits, options["answer_within_seconds"])
    if options["state"] == "stopped":
        return Stopped(root, options["id"], limits)
    return Absent(root, options["id"])


def _settings(options: dict[str, t.Any], seconds: float) -> Settings:
    endpoint = Endpoint(**{name: options[name] for name in ("target", "protocol", "port", "source", "interface")})
    return Settings(endpoint, Pace(options["interval_ms"], seconds, options["late_after_ms"]))


def main() -> None:
    run(ARGUMENT_SPEC, build, required_if=REQUIRED_IF)


if __name__ == "__main__":
    main()
