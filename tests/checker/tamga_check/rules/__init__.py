"""Every verdict (docs/RULES.md), section by section.

| file | sections |
|---|---|
| `state` | 1, 2, 3: the state, what every leaf does, what every record has to keep |
| `registering` | 4 to 7: Election, DefinitionPart, Key, KeyRevocation, RollChunk, RollAmendment |
| `phases` | 8: StationPhase |
| `voting` | 9, 9a: Identification, IdentificationVoid |
| `counting` | 10, 11: BallotBatch, TotalOpening, Protocol |
| `copies` | 11a, 11b: Countersign, SummaryTable |
| `custody` | 11c: Custody |
| `deciding` | 12, 13, 13a: Governance, Seal, the tally, RefusalSummary |
| `legal` | 14: LegalAct, Case, acts in force, seats |
"""

from .state import Judge

__all__ = ["Judge"]
