package org.loft4j.nn;

import org.bytedeco.pytorch.Tensor;
import org.loft4j.ShapeException;
import org.loft4j.tensor.Shapes;

/**
 * Texts to read, and what is written of each: the input of an {@link EncoderDecoder}.
 *
 * @param source the texts, padded on either side
 * @param targetIds int64 {@code (batch, written)}: the token that writing begins with, then those that are written; padded on the
 *     right alone, where no token sees it
 */
public record SourceTargetInput(TokenInput source, Tensor targetIds) implements ModelInput {
    /** The input as texts to read and to write; refuses others. */
    public static SourceTargetInput of(ModelInput input) {
        if (input instanceof SourceTargetInput both) {
            return both;
        }
        throw new ShapeException("the model reads texts and writes others, but was given "
                + (input instanceof TokenInput ? "texts to read alone" : "images"));
    }

    /**
     * Refuses a batch that native code would fail on, as {@link TokenInput#check} does.
     *
     * @throws ShapeException that says what met what
     */
    public void check(long vocabularySize) {
        if (source.segments() != null) {
            throw new ShapeException("an encoder-decoder reads one text a row, but was given packed ones");
        }
        source.check(vocabularySize);
        Shapes.require("decoder_input_ids", targetIds, source.inputIds().size(0), -1);
        if (targetIds.size(1) == 0) {
            throw new ShapeException(
                    "decoder_input_ids must hold at least the token that writing begins with, got shape "
                            + Shapes.text(Shapes.of(targetIds)));
        }
        TokenInput.requireBelow("decoder_input_ids", targetIds, vocabularySize);
    }
}
