package org.loft4j.train;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.loft4j.optim.LoraPlus;
import org.loft4j.optim.RefLora;

/**
 * What a run changes about the methods beside LoFT that have settings of their own; nothing by default.
 *
 * @param loraPlusRatio λ of LoRA+, by which the learning rate of B is a multiple of A's; greater than 0
 * @param refLoraWarmup steps of LoRA before RefLoRA's own; at least 1, since it does not exist while B is zero, as it is at the
 *     start of every run
 */
public record PeerSettings(double loraPlusRatio, int refLoraWarmup) {
    /** The name of RefLoRA's warm-up in the record of a run. */
    public static final String REFLORA_WARMUP = "reflora_warmup";

    /** The methods as their papers have them. */
    public static PeerSettings defaults() {
        return new PeerSettings(LoraPlus.RATIO, RefLora.WARMUP_STEPS);
    }

    public PeerSettings withLoraPlusRatio(double ratio) {
        return new PeerSettings(ratio, refLoraWarmup);
    }

    public PeerSettings withRefLoraWarmup(int steps) {
        return new PeerSettings(loraPlusRatio, steps);
    }

    /** These settings for one of several methods that have them in common, as {@link LoftSettings#among} has it. */
    public PeerSettings among(Method method, Collection<Method> all) {
        return new PeerSettings(
                LoftSettings.isOf(method, all, one -> one == Method.LORA_PLUS) ? loraPlusRatio : LoraPlus.RATIO,
                LoftSettings.isOf(method, all, one -> one == Method.REFLORA) ? refLoraWarmup : RefLora.WARMUP_STEPS);
    }

    /** What is wrong with these settings, or asked of a method that does not have it; nothing if all is well. */
    List<String> problems(Method method) {
        List<String> problems = new ArrayList<>();
        if (!(loraPlusRatio > 0) || Double.isInfinite(loraPlusRatio)) {
            problems.add("lora_plus_ratio must be greater than 0 and finite, got " + loraPlusRatio);
        }
        if (refLoraWarmup < 1) {
            problems.add("reflora_warmup must be at least 1, for B is zero at the start and would stay so, got "
                    + refLoraWarmup);
        }
        if (loraPlusRatio != LoraPlus.RATIO && method != Method.LORA_PLUS) {
            problems.add("lora_plus_ratio is of lora-plus, and the method is " + method.word() + ": leave it out");
        }
        if (refLoraWarmup != RefLora.WARMUP_STEPS && method != Method.REFLORA) {
            problems.add("reflora_warmup is of reflora, and the method is " + method.word() + ": leave it out");
        }
        return problems;
    }

    /** The settings by name, for the record of the run. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("lora_plus_ratio", loraPlusRatio);
        map.put(REFLORA_WARMUP, refLoraWarmup);
        return map;
    }
}
