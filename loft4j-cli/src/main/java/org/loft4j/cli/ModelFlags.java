package org.loft4j.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which model, with which adapter. */
final class ModelFlags {
    @Option(
            names = "--model",
            paramLabel = "DIR",
            description = "Hugging Face directory of the model: config.json, model.safetensors, tokenizer.json."
                    + " Default: the one that the adapter was trained on.")
    @Nullable
    Path model;

    @Option(
            names = "--adapter",
            paramLabel = "DIR",
            description = "Directory of an adapter: what 'loft train' left, or one of PEFT's.")
    @Nullable
    Path adapter;

    void check(Problems problems) {
        if (model == null && adapter == null) {
            problems.add("--model DIR is needed, or --adapter DIR with an adapter that names its model");
        }
        requireDirectory(problems, "--model", model);
        requireDirectory(problems, "--adapter", adapter);
    }

    static void requireDirectory(Problems problems, String flag, @Nullable Path path) {
        if (path != null && !Files.isDirectory(path)) {
            problems.add(flag + " " + path + " is not a directory");
        }
    }

    static void requireFile(Problems problems, String flag, @Nullable Path path) {
        if (path != null && !Files.isRegularFile(path)) {
            problems.add(flag + " " + path + (Files.exists(path) ? " is not a file" : ": there is no such file"));
        }
    }
}
