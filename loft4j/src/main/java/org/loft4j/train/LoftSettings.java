package org.loft4j.train;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.optim.LoftBlock;

/**
 * What a run changes about LoFT itself; nothing by default.
 *
 * @param without blocks that are left out
 * @param maxStep guard of A: the largest step relative to A itself, measured in W-space; 0 for none
 * @param reference whether to do what the authors' published code does, traps included
 * @param matchRate whether the learning rate of a layer is raised by what its factors do not capture of the full gradient; null
 *     for yes with {@link Method#LOFT_TANGENT}, no with the others
 */
public record LoftSettings(
        Set<LoftBlock> without,
        double maxStep,
        boolean reference,
        @Nullable Boolean matchRate) {
    public LoftSettings {
        without = Set.copyOf(without);
    }

    /** LoFT as it is. */
    public static LoftSettings defaults() {
        return new LoftSettings(Set.of(), 0, false, null);
    }

    public LoftSettings withoutBlocks(Set<LoftBlock> blocks) {
        return new LoftSettings(blocks, maxStep, reference, matchRate);
    }

    public LoftSettings withMaxStep(double bound) {
        return new LoftSettings(without, bound, reference, matchRate);
    }

    public LoftSettings withReference(boolean published) {
        return new LoftSettings(without, maxStep, published, matchRate);
    }

    public LoftSettings withMatchRate(boolean match) {
        return new LoftSettings(without, maxStep, reference, match);
    }

    boolean matchesRate(Method method) {
        return matchRate == null ? method == Method.LOFT_TANGENT : matchRate;
    }

    /** What these settings ask of a method that it does not have; nothing if all is well. */
    List<String> problems(Method method) {
        List<String> problems = new ArrayList<>();
        Set<LoftBlock> blocks = method.loftBlocks();
        if (!without.isEmpty() && blocks.isEmpty()) {
            problems.add("loft_without takes LoFT apart, and the method is " + method.word() + ": leave it out");
        } else if (!blocks.containsAll(without)) {
            Set<LoftBlock> missing = EnumSet.copyOf(without);
            missing.removeAll(blocks);
            problems.add("loft_without: " + method.word() + " has no " + LoftBlock.words(missing)
                    + " to leave out, only " + LoftBlock.words(blocks));
        }
        if (!(maxStep >= 0) || Double.isInfinite(maxStep)) {
            problems.add("loft_max_step must be at least 0 and finite, got " + maxStep);
        }
        if (maxStep > 0 && (blocks.isEmpty() || reference)) {
            problems.add("loft_max_step guards LoFT's steps, and the method is " + method.word()
                    + (reference ? " as published" : "") + ": leave it out");
        }
        if (reference && method != Method.LOFT) {
            problems.add("loft_reference must go with method loft, got " + method.word());
        }
        if (reference && !without.isEmpty()) {
            problems.add("loft_reference and loft_without exclude each other: leave one of them out");
        }
        if (matchesRate(method) && (reference || blocks.isEmpty())) {
            problems.add("match_rate is a setting of LoFT as it is"
                    + (reference ? ", not of loft_reference" : ", and the method is " + method.word())
                    + ": leave it out");
        }
        return problems;
    }

    /** The settings by name, for the record of the run. */
    Map<String, Object> toMap(Method method) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("loft_without", LoftBlock.words(without));
        map.put("loft_max_step", maxStep);
        map.put("loft_reference", reference);
        map.put("match_rate", matchesRate(method));
        return map;
    }
}
