package org.loft4j.cli;

import java.io.IOException;
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
            paramLabel = "ADAPTER",
            description = "Directory of an adapter (what 'loft train' left, or one of PEFT's), or its name on the hub."
                    + " train: what it goes on from, in a run of its own (starting_adapter in a file). Default: none.")
    @Nullable
    ModelReference adapter;

    private @Nullable Path adapterDirectory;

    void check(Problems problems) {
        if (model == null && adapter == null) {
            problems.add("--model MODEL is needed, or --adapter ADAPTER with one that names its model");
        }
        requireModel(problems, verb, model);
        require(problems, verb, "--adapter", adapter);
    }

    /** The directory of the adapter, which is downloaded if need be; null where none was named. */
    @Nullable
    Path adapter() throws IOException {
        if (adapter != null && adapterDirectory == null) {
            adapterDirectory = HubAccess.adapter(verb, adapter);
        }
        return adapterDirectory;
    }

    /** Asks no hub: that is left for when the call is known to be sound. */
    static void requireModel(Problems problems, CommandSpec verb, @Nullable ModelReference model) {
        require(problems, verb, "--model", model);
    }

    private static void require(Problems problems, CommandSpec verb, String flag, @Nullable ModelReference named) {
        String fault = named == null ? null : HubAccess.fault(verb, named);
        if (fault != null) {
            problems.add(flag + " " + fault);
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
