package org.loft4j.train;

/** What to do with an output directory that holds a run already. */
public enum OnExisting {
    /** Do not touch it. */
    REFUSE,
    /** Go on from its newest whole checkpoint; start anew where there is none. */
    RESUME,
    /** Remove it when the new run begins, and start anew. */
    OVERWRITE
}
