package org.loft4j.optim;

import java.util.Arrays;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.loft4j.ConfigException;

/**
 * The six blocks of LoFT (arXiv 2505.21289), each of which can be left out by itself, in any combination:
 * {@link LoftConfig#without}. Notation: F is a factor, K the other one, its basis, both wide {@code (r, …)}; s is the pair's
 * scale, {@code S = K·Kᵀ}.
 *
 * <p>Without any of them, and with {@code s = 1}, what remains is LoRA: AdamW on both factors. The bound {@code ±d_t} on the
 * entries of the quotient is AdamW's own and stays in force whatever is left out; it can be active only where exactly one of the
 * two moments is carried over.
 */
public enum LoftBlock {
    /**
     * One factor moves a step. Without it both take their full step every step, both computed from the factors at which the
     * gradients were taken: the part of the step that both can express is counted twice.
     */
    ALTERNATION,
    /**
     * {@code g̃ = (1/s)·S⁻¹·g}, the least-squares coordinates of the full gradient. Without it {@code g̃ = (1/s)·g}: for B the
     * coordinates {@code G·Aᵀ}, for A {@code Bᵀ·G}. The clipping norm does not change.
     */
    GRADIENT_SCALING,
    /** {@code m ← C·m} when the basis has moved. Without it m keeps its numbers, which then mean something else. */
    FIRST_MOMENT,
    /** {@code P[i] ← C·P[i]·Cᵀ} when the basis has moved. Without it P keeps its numbers. */
    SECOND_MOMENT,
    /**
     * The quotient is formed in W-space and projected back. Without it, it is formed in factor space entry by entry,
     * {@code m ⊘ (√v + ε)} with {@code v[i] = diag(P[i])}; without the second moment's calibration too, that is LoFT-simple.
     */
    PROJECTED_UPDATE,
    /**
     * The clipping norm is that of the active factor's projected full gradient. Without it, it is the norm of the raw gradients of
     * both factors, which alpha and the basis change.
     */
    CLIPPING;

    /** The word on the command line: {@code gradient-scaling}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Reads the word of {@link #word}. */
    public static LoftBlock parse(String word) {
        for (LoftBlock block : values()) {
            if (block.word().equals(word)) {
                return block;
            }
        }
        throw new ConfigException("loft_without must name blocks among " + words(Set.of(values())) + ", got " + word);
    }

    /** Reads words with commas between them; none if there are none. */
    public static Set<LoftBlock> parseAll(String words) {
        return Arrays.stream(words.split(","))
                .map(String::strip)
                .filter(word -> !word.isEmpty())
                .map(LoftBlock::parse)
                .collect(Collectors.toUnmodifiableSet());
    }

    /** The words of some blocks in their order, with commas between them. */
    public static String words(Set<LoftBlock> blocks) {
        return Arrays.stream(values())
                .filter(blocks::contains)
                .map(LoftBlock::word)
                .collect(Collectors.joining(", "));
    }
}
