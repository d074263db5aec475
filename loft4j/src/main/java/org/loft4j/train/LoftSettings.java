package org.loft4j.train;

import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.optim.LoftBlock;
import org.loft4j.tensor.Dtype;

/**
 * What a run changes about LoFT itself; nothing by default.
 *
 * @param without blocks that are left out
 * @param maxStep guard of A: the largest step relative to A itself, measured in W-space; 0 for none
 * @param reference whether to do what the authors' published code does, traps included
 * @param matchRate whether the learning rate of a layer is raised by what its factors do not capture of the full gradient; null
 *     for yes with {@link Method#LOFT_TANGENT}, no with the others
 * @param crossTerms what the second moment's cross terms are kept in: float32, or bfloat16 for half of their memory
 */
public record LoftSettings(
        Set<LoftBlock> without,
        double maxStep,
        boolean reference,
        @Nullable Boolean matchRate,
        Dtype crossTerms) {
    private static final Set<Method> CROSS_TERMS = EnumSet.of(Method.LOFT, Method.LOFT_TANGENT);

    public LoftSettings {
        without = Set.copyOf(without);
    }

    /** LoFT as it is. */
    public static LoftSettings defaults() {
        return new LoftSettings(Set.of(), 0, false, null, Dtype.F32);
    }

    public LoftSettings withoutBlocks(Set<LoftBlock> blocks) {
        return new LoftSettings(blocks, maxStep, reference, matchRate, crossTerms);
    }

    public LoftSettings withMaxStep(double bound) {
        return new LoftSettings(without, bound, reference, matchRate, crossTerms);
    }

    public LoftSettings withReference(boolean published) {
        return new LoftSettings(without, maxStep, published, matchRate, crossTerms);
    }

    public LoftSettings withMatchRate(boolean match) {
        return new LoftSettings(without, maxStep, reference, match, crossTerms);
    }

    public LoftSettings withCrossTerms(Dtype dtype) {
        return new LoftSettings(without, maxStep, reference, matchRate, dtype);
    }

    /**
     * These settings for one of several methods that have them in common: what it has not and another one has is as in
     * {@link #defaults}. What none has stays, to be refused.
     */
    public LoftSettings among(Method method, Collection<Method> all) {
        boolean isLoft = isOf(method, all, one -> !one.loftBlocks().isEmpty());
        return new LoftSettings(
                without.stream()
                        .filter(block ->
                                isOf(method, all, one -> one.loftBlocks().contains(block)))
                        .collect(Collectors.toSet()),
                isLoft ? maxStep : 0,
                reference && isOf(method, all, one -> one == Method.LOFT),
                isLoft ? matchRate : null,
                isOf(method, all, LoftSettings::hasCrossTerms) ? crossTerms : Dtype.F32);
    }

    /** Whether a method has something, or none of all. */
    static boolean isOf(Method method, Collection<Method> all, Predicate<Method> has) {
        return has.test(method) || all.stream().noneMatch(has);
    }

    /** Whether a method keeps cross terms, which grow with the square of the rank. */
    public static boolean hasCrossTerms(Method method) {
        return CROSS_TERMS.contains(method);
    }

    boolean bfloat16CrossTerms() {
        return crossTerms == Dtype.BF16;
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
        if (crossTerms != Dtype.F32 && crossTerms != Dtype.BF16) {
            problems.add("loft_cross_terms must be float32 or bfloat16, got " + crossTerms.torchName());
        }
        if (bfloat16CrossTerms() && (reference || !hasCrossTerms(method))) {
            problems.add("loft_cross_terms is of methods that keep them, loft and loft-tangent, and the method is "
                    + method.word() + (reference ? " as published" : "") + ": leave it out");
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
        map.put("loft_cross_terms", crossTerms.torchName());
        return map;
    }
}
