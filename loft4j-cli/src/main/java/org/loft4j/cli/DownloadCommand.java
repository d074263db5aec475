package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.loft4j.io.Hub;
import org.loft4j.io.HubName;
import org.loft4j.io.Json;
import org.loft4j.io.ModelReference;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code loft download}. */
@Command(
        name = "download",
        description = {
            "Gets models from the Hugging Face hub into the cache that Hugging Face's Python libraries use as well, and prints"
                    + " their directories. What is there already is not downloaded again; what was interrupted goes on. Only"
                    + " safetensors are taken, never pickles."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  loft download HuggingFaceTB/SmolLM2-135M",
            "  loft download HuggingFaceTB/SmolLM2-135M@main --update",
            "  HF_ENDPOINT=https://mirror.example HF_HOME=/data/hf loft download HuggingFaceTB/SmolLM2-135M"
        })
final class DownloadCommand implements Verb {
    @Parameters(
            paramLabel = "NAME",
            arity = "1..*",
            description =
                    "Names of models, org/name or org/name@revision; the revision is a branch, a tag or a commit.")
    List<String> names = List.of();

    @Option(
            names = "--update",
            description = "Ask the hub whether the branch has moved on, even where the cache has a snapshot of it.")
    boolean update;

    @Mixin(name = "General")
    CommonOptions common;

    @Spec
    CommandSpec spec;

    @Override
    public void check(Problems problems) {
        for (String name : names) {
            if (HubName.find(name) == null) {
                problems.add(name + " is not the name of a model on the hub, such as " + ModelReference.EXAMPLE);
            }
        }
    }

    @Override
    public int run() throws IOException {
        PrintWriter out = spec.commandLine().getOut();
        Hub hub = HubAccess.of(spec);
        List<Map<String, Object>> trees = new ArrayList<>();
        for (String text : names) {
            HubName name = Objects.requireNonNull(HubName.find(text));
            Path directory = update ? hub.download(name) : hub.snapshot(name);
            if (common.json) {
                Map<String, Object> tree = new LinkedHashMap<>();
                tree.put("model", name.repository());
                tree.put("revision", name.revision());
                tree.put("commit", directory.getFileName().toString());
                tree.put("directory", directory.toString());
                trees.add(tree);
            } else {
                out.println(directory);
            }
        }
        if (common.json) {
            out.println(Json.text(trees.size() == 1 ? trees.get(0) : trees));
        }
        return ExitCode.OK;
    }
}
