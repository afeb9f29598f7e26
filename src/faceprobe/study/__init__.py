"""Studies: models x datasets x crops x cloaks x protocols, planned, run and kept."""
