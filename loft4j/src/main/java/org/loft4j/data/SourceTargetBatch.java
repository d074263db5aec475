package org.loft4j.data;

import org.loft4j.ConfigException;

/**
 * Texts to read, and what is to be written of each.
 *
 * @param source the texts, padded on the right
 * @param target what is written, all of which is learnt, without the token that writing begins with; padded on the right
 */
public record SourceTargetBatch(Batch source, Batch target) implements MiniBatch {
    public SourceTargetBatch {
        if (source.rows() != target.rows()) {
            throw new ConfigException(source.rows() + " texts to read need as many to write, got " + target.rows());
        }
    }

    @Override
    public int rows() {
        return target.rows();
    }

    /** Those of what is written. */
    @Override
    public long[] labels() {
        return target.labels();
    }

    /** Of both. */
    @Override
    public long tokens() {
        return source.tokens() + target.tokens();
    }

    /** Each token that is written is told from those before it, the first from the one that writing begins with. */
    @Override
    public long targets() {
        return target.tokens();
    }
}
