package org.loft4j.train;

import org.loft4j.nn.Model;

/** What is there from the beginning of a run to its end: what it trains, by which settings, how far it is, and where it writes. */
record RunParts(
        Model model,
        TrainConfig config,
        RunOutput output,
        Trainable trainable,
        RunPlan plan,
        RunState state,
        Pace pace) {}
