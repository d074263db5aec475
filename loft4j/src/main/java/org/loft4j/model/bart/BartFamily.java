package org.loft4j.model.bart;

import java.util.Arrays;

/** What is told by the {@code model_type} alone. */
enum BartFamily {
    /** Norms behind the parts; a table of positions. */
    BART(BartModel.FAMILY, false, true, Places.LEARNT),
    /** Norms before the parts; the last token of what is written is its beginning. */
    MBART(BartModel.MULTILINGUAL, true, true, Places.LEARNT),
    /** Norms before the parts; positions count from behind the padding's id. */
    M2M_100(BartModel.TRANSLATION, true, false, Places.BEHIND_PADDING),
    /** Norms before the parts; positions count from 0. */
    PEGASUS(BartModel.SUMMARIES, true, false, Places.FROM_ZERO);

    /** What tells a token's place. */
    enum Places {
        LEARNT,
        BEHIND_PADDING,
        FROM_ZERO
    }

    private final String name;
    private final boolean normFirst;
    private final boolean normsVectors;
    private final Places places;

    BartFamily(String name, boolean normFirst, boolean normsVectors, Places places) {
        this.name = name;
        this.normFirst = normFirst;
        this.normsVectors = normsVectors;
        this.places = places;
    }

    static BartFamily of(String name) {
        return Arrays.stream(values())
                .filter(family -> family.name.equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(name));
    }

    /** Whether norms are before the parts of a block, and one behind the last block. */
    boolean normFirst() {
        return normFirst;
    }

    /** Whether there is a norm of the vectors of tokens with those of their positions. */
    boolean normsVectors() {
        return normsVectors;
    }

    Places places() {
        return places;
    }
}
