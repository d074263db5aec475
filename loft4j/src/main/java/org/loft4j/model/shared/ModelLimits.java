package org.loft4j.model.shared;

/** Sizes beyond those of any model, so that a damaged config.json is known before anything is made of it. */
public final class ModelLimits {
    /** The list of a model's parameters is made before it is compared with the file. */
    public static final int MOST_LAYERS = 10_000;

    /** Labels of a classifier, which may be for more classes than the file. */
    public static final int MOST_LABELS = 1_000_000;

    private ModelLimits() {}
}
