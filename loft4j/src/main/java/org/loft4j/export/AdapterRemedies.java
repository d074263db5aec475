package org.loft4j.export;

import java.nio.file.Path;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.adapter.PeftConfig;
import org.loft4j.adapter.PeftFiles;

/**
 * What can be done with an adapter that a program does not take as it is.
 *
 * @param directory of the adapter
 * @param unread why loft4j does not take it, so that it neither merges nor exports; null where it does
 * @param quantised whether the weights of its base are, so that nothing can be merged into them
 * @param inGguf whether the model that it makes can be a GGUF: no classifier, and not on a base that is not exported
 */
record AdapterRemedies(Path directory, @Nullable String unread, boolean quantised, boolean inGguf) {
    private static final Pattern EMBEDDING = Pattern.compile("(.+\\.)?(embed_tokens|embed_in|wte|lm_head|embed_out)");

    /** For what loft4j does not take. */
    static final String BY_PEFT = "merge it with PEFT: merge_and_unload, then save_pretrained";

    /** @param tied whether its base has one matrix for input and output embedding */
    static AdapterRemedies of(Path directory, boolean quantised, boolean inGguf, boolean tied) {
        try {
            PeftConfig config = PeftFiles.readConfig(directory);
            boolean parts = tied
                    && !config.ensureWeightTying()
                    && config.lora().modulesToSave().stream()
                            .anyMatch(name -> EMBEDDING.matcher(name).matches());
            return new AdapterRemedies(
                    directory,
                    parts ? "it parts the two embeddings of a base that ties them" : null,
                    quantised,
                    inGguf);
        } catch (CheckpointException e) {
            return new AdapterRemedies(directory, e.getMessage(), quantised, inGguf);
        }
    }

    String merge() {
        return orByPeft(
                quantised
                        ? "merge it into the model that its base was made from: loft merge --model MODEL --adapter DIR"
                                + " --output MERGED"
                        : "merge it: loft merge --adapter DIR --output MERGED");
    }

    /** What works where an adapter alone cannot become a GGUF; empty where nothing does. */
    String mergedGguf() {
        String model = quantised ? " --model MODEL, the one that its base was made from," : "";
        return inGguf
                ? orByPeft("merge it into a GGUF of the whole model: loft export --to gguf" + model + " --adapter "
                        + directory + " --output FILE")
                : "";
    }

    /** A remedy of loft4j's, where it reads the adapter. */
    String orByPeft(String remedy) {
        return unread == null ? remedy : BY_PEFT;
    }
}
