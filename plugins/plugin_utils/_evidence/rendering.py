# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# This file is private to the collection.
"""From a record to the two files of a report. The same record gives the same bytes."""

from __future__ import annotations

import dataclasses
import json
import pkgutil
import typing as t

import jinja2
import markupsafe

from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.page import page
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.record import parse
from ansible_collections.baremetal.vmsite.plugins.plugin_utils._evidence.verdict import Verdict, judge

FORMAT = 1


@dataclasses.dataclass(frozen=True)
class Rendered:
    """C(html) is one file without external resources; C(data) is the record with its verdict, as JSON."""

    html: str
    data: str
    verdict: Verdict


def render(record: dict[str, t.Any]) -> Rendered:
    """Raises Failure(s) if the record is not one."""
    parsed = parse(record)
    verdict = judge(parsed)
    content = page(parsed, verdict, _resource("report.css"))
    return Rendered(html=_fill_in(dataclasses.asdict(content)), data=_as_json(record, verdict), verdict=verdict)


def _fill_in(content: dict[str, t.Any]) -> str:
    """Everything is escaped but the style sheet, which is ours, and the pictures, in which svg.Svg has escaped everything."""
    content["style"] = markupsafe.Markup(content["style"])
    for part in [*content["migrations"], *content["hosts"]]:
        for key in [key for key in part if key.endswith("picture")]:
            part[key] = markupsafe.Markup(part[key])
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    environment.filters["breakable"] = _breakable
    return environment.from_string(_resource("report.html.j2")).render(page=content)


def _breakable(text: str) -> markupsafe.Markup:
    """Escaped, and a long list of CPUs may break after a comma; what a reader copies stays the same."""
    return markupsafe.escape(text).replace(",", markupsafe.Markup(",<wbr>"))


def _as_json(record: dict[str, t.Any], verdict: Verdict) -> str:
    document = {"format": FORMAT, "verdict": dataclasses.asdict(verdict), "record": record}
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _resource(name: str) -> str:
    data = pkgutil.get_data(__name__, name)
    if data is None:
        raise FileNotFoundError(f"{name} beside {__name__}")
    return data.decode("utf-8")
