"""Pooled templates, the input of every protocol over templates: vectors, people as numbers, remarks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from faceprobe.core.words import agreeing
from faceprobe.data.embeddings import Embeddings, unit_rows
from faceprobe.data.remarks import Remarks, join, remark
from faceprobe.data.templates import TemplateList
from faceprobe.metrics.bootstrap import identity_weights
from faceprobe.metrics.templates import POOLINGS, pool_templates
from faceprobe.protocols.kinds import Context
from faceprobe.protocols.types import Protocol
from faceprobe.scores import exact_rows


@dataclass(frozen=True)
class PooledTemplates:
    """``rows`` (T, D) exact rows of the ``templates``; ``labels`` (T,) int32 number the sorted ``names``
    (P,) of the people. A template whose person is not known has a number of its own, and ``known`` is
    False.
    """

    templates: TemplateList
    rows: NDArray[np.float32]
    labels: NDArray[np.int32]
    names: NDArray[np.str_]
    known: bool
    replicates: int
    seed: int
    remarks: Remarks

    @cached_property
    def weights(self) -> NDArray[np.int64]:
        """(R, P) identity weights of the bootstrap; no replicates where people are not known."""
        return identity_weights(len(self.names), self.replicates if self.known else 0, self.seed)


def pooled_templates(protocol: Protocol, context: Context) -> PooledTemplates:
    """Pool the templates of the data as the protocol's option ``pooling`` says."""
    data, templates = context.data, context.data.templates
    assert templates is not None
    preset = str(protocol.options["pooling"])
    rows = exact_rows(pool_templates(unit_rows(data.vectors), data.paths, templates, preset))
    own = np.where(
        templates.identities == "", np.char.add("\0template ", templates.names), templates.identities
    )
    names, labels = np.unique(own, return_inverse=True)
    no_scores = POOLINGS[preset].by_score and templates.weight is None
    lost = templates.lost_templates
    unscored = "no detector scores are known: every photo weighs the same" if no_scores else ""
    unusable = f"{agreeing(lost, 'template', 'has')} no usable photo: left out" if lost else ""
    remarks = join(remark("no-scores", unscored), remark("left-out", unusable))
    return PooledTemplates(
        templates,
        rows,
        labels.astype(np.int32),
        names,
        bool(np.all(templates.identities != "")),
        context.replicates,
        context.seed,
        remarks,
    )


def lacking_templates(data: Embeddings) -> str:
    """Why ``data`` cannot be measured by a protocol over templates, or "" where they can."""
    if data.templates is None or len(data.templates) == 0:
        return "it needs templates, which only some datasets have (ijb-b, ijb-c, distractors)"
    data.templates.check(len(data))
    return ""
