package org.loft4j.cli;

import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.train.Method;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParseResult;

/** What is trained: the method, and the shape of its adapter. */
final class MethodFlags {
    /** What an adapter is: whoever names it does not mean to train all else. */
    private static final List<String> OF_ADAPTER = List.of(
            "--target-modules",
            "--target-parameters",
            "--exclude-modules",
            "--modules-to-save",
            "--alpha",
            "--dropout",
            "--rslora");

    @Option(
            names = "--method",
            paramLabel = "METHOD",
            converter = Words.OfMethod.class,
            completionCandidates = WordLists.Methods.class,
            description = "What is trained, and how: ${COMPLETION-CANDIDATES} (every parameter). Default: loft.")
    Method method = Method.LOFT;

    @Option(
            names = "--from-scratch",
            description = "New weights of the sizes in config.json, in place of model.safetensors; with --method full.")
    boolean fromScratch;

    @Option(names = "--rank", paramLabel = "R", description = "Rank of the adapter. Default: ${DEFAULT-VALUE}.")
    int rank = 16;

    @Option(
            names = "--alpha",
            paramLabel = "ALPHA",
            description =
                    "The adapter is scaled by alpha / rank. Default: twice the rank; 8 for rsLoRA. With LoFT the result is the same whatever it is.")
    @Nullable
    Double alpha;

    @Option(names = "--rslora", description = "Scale by alpha / √rank instead, as --method rslora does.")
    boolean rslora;

    /**
     * Checks the adapter whatever the method: a file of settings, and a rank, serve several.
     *
     * @throws ConfigException if the words of the call speak of it, and the method has none
     */
    boolean checked(AdapterFlags place, ParseResult call) {
        String named = OF_ADAPTER.stream().filter(call::hasMatchedOption).collect(Collectors.joining(", "));
        if (!method.usesAdapter() && !named.isEmpty()) {
            throw new ConfigException(named + ": of an adapter, and method " + method.word()
                    + " trains every parameter of the model itself: leave it out");
        }
        return lora(place) != null;
    }

    /** The configuration of the adapter, or null for a method that has none. */
    @Nullable
    LoraConfig adapter(AdapterFlags place) {
        return method.usesAdapter() ? lora(place) : null;
    }

    private LoraConfig lora(AdapterFlags place) {
        boolean byRoot = rslora || method == Method.RSLORA;
        double ours = alpha == null ? LoraConfig.defaultAlpha(rank, byRoot) : alpha;
        return place.lora(rank, ours, byRoot).withDora(method == Method.DORA);
    }
}
