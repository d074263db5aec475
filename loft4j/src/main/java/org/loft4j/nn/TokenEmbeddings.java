package org.loft4j.nn;

import java.util.function.Consumer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.ShapeException;
import org.loft4j.tensor.Dtype;

/**
 * The first layer of an encoder of texts: the sum of a word's, its position's and its type's vector, normalised; Devlin et al.
 * 2018 (arXiv:1810.04805), figure 2. Where these are narrower than the states, a linear layer widens them; Clark et al. 2020
 * (arXiv:2003.10555), section 3.2.
 */
public final class TokenEmbeddings {
    private final Tables tables;
    private final LayerNorm norm;
    private final @Nullable Linear projection;
    private final Settings settings;

    /**
     * The vectors, owned by the model's weights.
     *
     * @param words {@code (vocabulary, width)}
     * @param positions {@code (positions, width)}; null where positions are told in another way
     * @param types {@code (types, width)}; null for none, and types that are given are then left out
     */
    public record Tables(
            WeightMatrix words,
            @Nullable Tensor positions,
            @Nullable Tensor types) {}

    /**
     * @param firstPosition row of the table that a sequence's first token has
     * @param padId where no mask is given, tokens of this id do not count as positions, as in RoBERTa; −1 for none
     * @param dropout of the sum, while training
     */
    public record Settings(long firstPosition, long padId, double dropout) {
        /** Positions from 0 on, whatever the tokens are. */
        public static Settings plain(double dropout) {
            return new Settings(0, -1, dropout);
        }
    }

    public TokenEmbeddings(Tables tables, LayerNorm norm, Settings settings) {
        this(tables, norm, null, settings);
    }

    /** @param projection to the width of the states; null where the vectors have it */
    public TokenEmbeddings(Tables tables, LayerNorm norm, @Nullable Linear projection, Settings settings) {
        this.tables = tables;
        this.norm = norm;
        this.projection = projection;
        this.settings = settings;
    }

    /**
     * Refuses what has no embedding.
     *
     * @param longest the greatest number of tokens
     * @throws ShapeException that says what met what
     */
    public void check(TokenInput input, long longest) {
        input.check(tables.words().out());
        Tensor types = tables.types();
        if (types != null && types.size(0) > 1 && input.tokenTypeIds() != null) {
            TokenInput.requireBelow("token_type_ids", input.tokenTypeIds(), types.size(0));
        }
        if (input.inputIds().size(1) > longest) {
            throw new ShapeException("a sequence must have at most " + longest + " tokens, got "
                    + input.inputIds().size(1));
        }
    }

    /** {@code (batch, seq, hidden)}. */
    public Tensor forward(TokenInput input, Padding padding, boolean training) {
        Tensor sum = tables.words().lookup(input.inputIds(), -1);
        Tensor rest = null;
        if (tables.types() != null) {
            rest = input.tokenTypeIds() == null || tables.types().size(0) == 1
                    ? tables.types().narrow(0, 0, 1)
                    : torch.embedding(tables.types(), input.tokenTypeIds());
        }
        if (tables.positions() != null) {
            Tensor positions = positions(tables.positions(), input, padding);
            rest = rest == null ? positions : rest.add(positions);
        }
        Tensor embedded = Dropout.apply(norm.forward(rest == null ? sum : sum.add(rest)), settings.dropout(), training);
        return projection == null ? embedded : projection.forward(embedded);
    }

    public void forEachLinear(Consumer<Linear> action) {
        if (projection != null) {
            action.accept(projection);
        }
    }

    private Tensor positions(Tensor table, TokenInput input, Padding padding) {
        Tensor at = counting(input, padding).positions();
        return at == null
                ? table.narrow(0, settings.firstPosition(), input.inputIds().size(1))
                : torch.embedding(table, at.add(new Scalar(settings.firstPosition())));
    }

    /** Which tokens count as positions. */
    private Padding counting(TokenInput input, Padding padding) {
        if (settings.padId() < 0) {
            return padding;
        }
        Tensor tokens = input.inputIds().ne(new Scalar(settings.padId())).to(Dtype.I64.scalarType());
        if (input.attentionMask() != null) {
            tokens.mul_(input.attentionMask().ne(new Scalar(0)));
        }
        return Padding.of(new TokenInput(input.inputIds(), tokens));
    }
}
