package org.loft4j.cli.reproduce;

import java.util.List;
import java.util.function.Function;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.optim.AdamW;
import org.loft4j.optim.AdamWConfig;
import org.loft4j.optim.Loft;
import org.loft4j.optim.LoftBlock;
import org.loft4j.optim.LoftConfig;
import org.loft4j.optim.LowRankPair;
import org.loft4j.optim.NamedParameter;
import org.loft4j.optim.Optimizer;

/** A method of the matrix factorisation. All factors start alike, with B = 0, and s = 1. */
enum MatrixContestant {
    FULL("full AdamW", "full"),
    LOFT("LoFT", "loft"),
    TANGENT("LoFT-tangent", "loft-tangent"),
    LORA("LoRA", "lora"),
    WITHOUT_ALTERNATION("LoFT without alternation", "loft-without-alternation"),
    WITHOUT_CALIBRATION("LoFT without calibration", "loft-without-calibration"),
    PUBLISHED_CODE("LoFT, published code", "loft-published-code");

    private final String title;
    private final String word;

    MatrixContestant(String title, String word) {
        this.title = title;
        this.word = word;
    }

    String title() {
        return title;
    }

    /** Its key in the JSON file. */
    String word() {
        return word;
    }

    /**
     * At its start.
     *
     * @param a start of A, {@code (r, n)}
     * @param zero {@code (m, n)}, W at its start
     */
    MovingMatrix start(Tensor a, Tensor zero) {
        return switch (this) {
            case FULL -> new WholeMatrix(zero, parameters -> new AdamW(parameters, AdamWConfig.defaults()));
            case LORA -> factored(a, zero, MatrixContestant::factorwise);
            case LOFT -> loft(a, zero, LoftConfig.defaults());
            case TANGENT -> loft(a, zero, LoftConfig.defaults().withTangent(true));
            case WITHOUT_ALTERNATION -> loft(a, zero, LoftConfig.defaults().without(LoftBlock.ALTERNATION));
            case WITHOUT_CALIBRATION ->
                loft(a, zero, LoftConfig.defaults().without(LoftBlock.FIRST_MOMENT, LoftBlock.SECOND_MOMENT));
            case PUBLISHED_CODE -> loft(a, zero, LoftConfig.publishedCode());
        };
    }

    private static MovingMatrix loft(Tensor a, Tensor zero, LoftConfig config) {
        return factored(a, zero, pair -> Loft.adamW(List.of(pair), config));
    }

    private static MovingMatrix factored(Tensor a, Tensor zero, Function<LowRankPair, Optimizer> optimizer) {
        return new FactoredMatrix(a, zero.narrow(1, 0, a.size(0)), optimizer);
    }

    static Optimizer factorwise(LowRankPair pair) {
        return new AdamW(
                List.of(new NamedParameter("lora_A", pair.loraA()), new NamedParameter("lora_B", pair.loraB())),
                AdamWConfig.defaults());
    }
}
