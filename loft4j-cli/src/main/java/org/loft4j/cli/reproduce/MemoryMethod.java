package org.loft4j.cli.reproduce;

import java.util.List;
import java.util.function.Function;
import org.loft4j.optim.AdamW;
import org.loft4j.optim.AdamWConfig;
import org.loft4j.optim.Loft;
import org.loft4j.optim.LoftConfig;
import org.loft4j.optim.LoraPro;
import org.loft4j.optim.LowRankPair;
import org.loft4j.optim.NamedParameter;
import org.loft4j.optim.Optimizer;
import org.loft4j.train.Method;

/** A method whose memory is counted: what its optimizer keeps for one m×n matrix at rank r, in floats. */
enum MemoryMethod {
    FULL("full AdamW", "full", "2·m·n", 2, 0, 0, 0),
    LORA("LoRA", "lora", "2·(m + n)·r", 0, 2, 0, 0),
    LOFT("LoFT", "loft", "(m + n)·(r + r(r+1)/2 + 2)", 0, 1.5, 0.5, 2),
    LOFT_SIMPLE("LoFT-simple", "loft-simple", "2·(m + n)·r", 0, 2, 0, 0),
    LOFT_MUON("LoFT-Muon", "loft-muon", "(m + n)·r", 0, 1, 0, 0),
    LORA_PRO("LoRA-Pro", "lora-pro", "2·m·n", 2, 0, 0, 0),
    /** Not built here: the layout of the authors' code, with whole r×r cross terms and a previous copy of both factors. */
    PUBLISHED("LoFT, published code's layout", "loft-published-code", "(m + n)·(2r + r²)", 0, 2, 1, 0);

    private final String title;
    private final String word;
    private final String formula;
    private final double matrices;
    private final double factors;
    private final double squares;
    private final double rows;

    /**
     * @param matrices how often m·n floats
     * @param factors how often (m + n)·r floats
     * @param squares how often (m + n)·r² floats
     * @param rows how often (m + n) floats
     */
    MemoryMethod(
            String title, String word, String formula, double matrices, double factors, double squares, double rows) {
        this.title = title;
        this.word = word;
        this.formula = formula;
        this.matrices = matrices;
        this.factors = factors;
        this.squares = squares;
        this.rows = rows;
    }

    String title() {
        return title;
    }

    String word() {
        return word;
    }

    /** The number of floats, as a formula. */
    String formula() {
        return formula;
    }

    /** Title of the method that gives its line the colour. */
    String color() {
        return switch (this) {
            case FULL -> Method.FULL.title();
            case PUBLISHED -> Method.LOFT.title();
            default -> title;
        };
    }

    /** The dashes of its line: 0 for none. */
    int variant() {
        return this == PUBLISHED ? 1 : this == LORA_PRO || this == LOFT_SIMPLE ? 2 : 0;
    }

    boolean isFull() {
        return this == FULL;
    }

    boolean isMeasured() {
        return this != PUBLISHED;
    }

    /** Floats of the optimizer's state for one matrix. */
    double stateFloats(long m, long n, long r) {
        return matrices * m * n + (m + n) * (factors * r + squares * r * r + rows);
    }

    /**
     * Floats that a step holds for a while, where they are as many as the matrix has or more: in the published code's layout an
     * (m, r, n) array. AdamW and LoRA-Pro go over a matrix piece by piece, as LoFT does.
     */
    double temporaryFloats(long m, long n, long r) {
        return this == PUBLISHED ? (double) m * r * n : 0;
    }

    /** The optimizer of the whole matrix; of {@link #FULL} alone. */
    static Optimizer whole(List<NamedParameter> w) {
        return new AdamW(w, AdamWConfig.defaults());
    }

    /** The optimizer of a pair of factors. */
    Function<LowRankPair, Optimizer> optimizer() {
        LoftConfig loft = LoftConfig.defaults();
        return switch (this) {
            case LORA -> MatrixContestant::factorwise;
            case LOFT -> pair -> Loft.adamW(List.of(pair), loft);
            case LOFT_SIMPLE -> pair -> Loft.simple(List.of(pair), loft);
            case LOFT_MUON -> pair -> Loft.muon(List.of(pair), loft);
            case LORA_PRO -> pair -> LoraPro.of(List.of(pair), AdamWConfig.defaults());
            case FULL, PUBLISHED -> throw new IllegalArgumentException(this + " has no factors here");
        };
    }
}
