package org.loft4j.cli;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.ModelReference;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Which model, with which adapter. */
final class ModelFlags {
    /** What {@code --model} takes, in every verb. */
    static final String MODEL =
            "Hugging Face directory of the model (config.json, model.safetensors, tokenizer.json), or its name on the hub,"
                    + " such as " + ModelReference.EXAMPLE + ", or name@revision.";

    @Spec(Spec.Target.MIXEE)
    CommandSpec verb;

    @Option(
            names = "--model",
            paramLabel = "MODEL",
            description = MODEL + " Default: the one that the adapter was trained on.")
    @Nullable
    ModelReference model;

    @Option(
            names = "--adapter",
            paramLabel = "DIR",
            description = "Directory of an adapter: what 'loft train' left, or one of PEFT's. Default: none.")
    @Nullable
    Path adapter;

    void check(Problems problems) {
        if (model == null && adapter == null) {
            problems.add("--model MODEL is needed, or --adapter DIR with an adapter that names its model");
        }
        requireModel(problems, verb, model);
        requireDirectory(problems, "--adapter", adapter);
    }

    /** Asks no hub: that is left for when the call is known to be sound. */
    static void requireModel(Problems problems, CommandSpec verb, @Nullable ModelReference model) {
        String fault = model == null ? null : HubAccess.fault(verb, model);
        if (fault != null) {
            problems.add("--model " + fault);
        }
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
