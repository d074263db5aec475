package org.loft4j.export;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.HubCache;
import org.loft4j.io.HubName;
import org.loft4j.io.Json;

/** What a model or an adapter is called in a GGUF file. llama.cpp shows it, and tells by it whether a model is a Phi-3. */
final class GgufName {
    private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");
    private static final Pattern PHI_3 = Pattern.compile("(phi)-?3", Pattern.CASE_INSENSITIVE);

    /** Those that llama.cpp looks up in the tokenizer of every model that it takes for a Phi-3 by its name, and does not load it without. */
    private static final List<String> LOOKED_UP = List.of("</s>", "<unk>", "<s>", "<|endoftext|>");

    private GgufName() {}

    /** That on the hub for a directory of the hub's cache, else the directory's own; a commit's hash is no name. */
    static String of(Path directory) throws CheckpointException {
        HubName hub = HubCache.nameOf(directory);
        if (hub != null) {
            return last(hub.repository());
        }
        Path file = directory.toAbsolutePath().normalize().getFileName();
        String name = file == null ? "model" : file.toString();
        HubName said = COMMIT.matcher(name).matches() ? said(directory) : null;
        return said == null ? name : last(said.repository());
    }

    /**
     * The same for a model whose tokens are written along. llama.cpp (llama-vocab.cpp) drops what is blank behind the special
     * tokens of models that have Phi-3 in their name, and does not load one that lacks {@link #LOOKED_UP}: a model that wants that gets
     * it into its name, and any other does not keep it there.
     *
     * @param notes gets a word on a name that was changed
     */
    static String of(Path directory, TextConfig config, Path tokenizer, List<String> notes) throws CheckpointException {
        String name = of(directory);
        boolean called = PHI_3.matcher(name).find();
        if (!called && config.architecture() != GgufArchitecture.PHI3) {
            return name;
        }
        TokenizerFiles files = TokenizerFiles.read(tokenizer);
        boolean complete = GgufVocabulary.holds(files, LOOKED_UP);
        boolean wants = complete && GgufVocabulary.stripsRight(files);
        if (called == wants) {
            return name;
        }
        String other = wants ? "Phi-3 " + name : PHI_3.matcher(name).replaceAll("$1 3");
        String why = wants
                ? ": llama.cpp drops the blanks behind special tokens, as this tokenizer does, where the name says phi-3"
                : ": where the name says phi-3 llama.cpp "
                        + (complete
                                ? "drops the blanks behind special tokens, which this tokenizer does not"
                                : "loads no model without the tokens " + String.join(", ", LOOKED_UP));
        notes.add("general.name is " + other + why);
        return other;
    }

    /** The name on the hub that config.json keeps. */
    private static @Nullable HubName said(Path directory) throws CheckpointException {
        Path config = directory.resolve("config.json");
        HubName name =
                Files.isRegularFile(config) ? HubName.find(Json.read(config).stringOr("_name_or_path", "")) : null;
        return name != null && name.hasOrganisation() ? name : null;
    }

    private static String last(String repository) {
        return repository.substring(repository.lastIndexOf('/') + 1);
    }
}
