package org.loft4j.optim;

/** The settings of one optimizer. */
public sealed interface OptimizerConfig permits AdamWConfig, LoftConfig, MuonConfig {}
