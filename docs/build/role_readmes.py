# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write roles/*/README.md from meta/argument_specs.yml, meta/main.yml and defaults/main.yml, so that options are described once ("make docs-roles")."""

from __future__ import annotations

import json
import pathlib
import re
import typing as t

import yaml

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]

# Ansible's markup: O(option), V(value), RV(return value), C(code), M(module), P(plugin), E(variable of the environment).
MARKUP = re.compile(r"\b(?:O|V|RV|C|M|P|E)\(([^()]*)\)")

TEMPLATE = """\
<!-- Written by "make docs-roles" from meta/argument_specs.yml: change it there. -->

# baremetal.vmsite.{name}

{short_description}.

{description}

## Use

```yaml
- name: {short_description}
  hosts: kvm_hosts
  gather_facts: false
  become: true
  roles:
    - role: baremetal.vmsite.{name}{required}
```

It runs in check mode, on a host that has nothing yet too, and a second run changes nothing.
{dependencies}
## Options

{options}
"""


def render(role: pathlib.Path) -> str:
    """The README of the role in this directory."""
    spec = _read(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]
    # Defaults come from where they are in force: argument_specs cannot state a template for what is not text.
    defaults = _read(role / "defaults" / "main.yml") or {}
    options: dict[str, dict[str, t.Any]] = {
        name: {**option, "default": defaults[name]} if name in defaults else option for name, option in spec.get("options", {}).items()
    }
    return TEMPLATE.format(
        name=role.name,
        short_description=_plain(spec["short_description"]).rstrip("."),
        description="\n".join(_plain(sentence) for sentence in _sentences(spec.get("description"))),
        required=_required(options),
        dependencies=_dependencies(role),
        options="\n".join(_options(options)) or "None.",
    )


def _read(path: pathlib.Path) -> dict[str, t.Any]:
    document: dict[str, t.Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def _plain(text: str) -> str:
    return MARKUP.sub(r"`\1`", " ".join(text.split()))


def _sentences(description: str | list[str] | None) -> list[str]:
    if description is None:
        return []
    return [description] if isinstance(description, str) else description


def _required(options: dict[str, dict[str, t.Any]]) -> str:
    lines = [f"      {name}:  # {_type(option)}, required" for name, option in options.items() if option.get("required")]
    return "".join("\n" + line for line in lines)


def _dependencies(role: pathlib.Path) -> str:
    entries = _read(role / "meta" / "main.yml").get("dependencies") or []
    names = [entry["role"] if isinstance(entry, dict) else entry for entry in entries]
    if not names:
        return ""
    return "It runs first what it needs: " + ", ".join(f"`{name}`" for name in names) + ".\n"


def _type(option: dict[str, t.Any]) -> str:
    kind = option.get("type", "str")
    return f"list of {option['elements']}" if kind == "list" and "elements" in option else str(kind)


def _options(options: dict[str, dict[str, t.Any]], depth: int = 0) -> t.Iterator[str]:
    for name, option in options.items():
        facts = [_type(option)]
        if option.get("required"):
            facts.append("required")
        elif "default" in option:
            facts.append(f"default `{json.dumps(option['default'])}`")
        if "choices" in option:
            facts.append("one of " + ", ".join(f"`{choice}`" for choice in option["choices"]))
        text = " ".join(_plain(sentence) for sentence in _sentences(option.get("description")))
        yield f"{'  ' * depth}- **`{name}`** ({'; '.join(facts)}): {text}"
        yield from _options(option.get("options", {}), depth + 1)


def main() -> None:
    for role in sorted((CHECKOUT / "roles").iterdir()):
        if (role / "meta" / "argument_specs.yml").exists():
            (role / "README.md").write_text(render(role), encoding="utf-8")
            print(f"roles/{role.name}/README.md")


if __name__ == "__main__":
    main()
