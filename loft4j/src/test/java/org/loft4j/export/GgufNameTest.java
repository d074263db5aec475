package org.loft4j.export;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.io.GgufReader;
import org.loft4j.io.Json;
import org.loft4j.io.ModelDirectory;

class GgufNameTest {
    private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

    @TempDir
    Path directory;

    /** Tokens that tokenizers have beside those of {@link TinyCheckpoint}. */
    private List<String> looksUp = List.of();

    /** A snapshot of the hub's cache lies in a directory that is called after its commit. */
    @ParameterizedTest
    @CsvSource({
        "hub/models--org--Some-Model/snapshots/" + COMMIT + ", , Some-Model",
        "hub/models--gpt2/snapshots/" + COMMIT + ", , gpt2",
        "copied/" + COMMIT + ", org/Some-Model, Some-Model",
        "copied/" + COMMIT + ", /data/runs/checkpoint-7, " + COMMIT,
        "models/mine, org/Some-Model, mine",
    })
    void theNameIsThatOnTheHubElseTheDirectorys(String path, @Nullable String said, String expected)
            throws IOException {
        Path model = directory.resolve(path);
        assertEquals(expected, exported(new TinyCheckpoint(model, "llama"), said, false, List.of()));
    }

    @Test
    void anAdapterNamesItselfAndItsModel() throws IOException {
        Path adapter = directory.resolve("hub/models--me--My-Adapter/snapshots/" + COMMIT);
        assertEquals("My-Adapter", GgufName.of(adapter));
    }

    /** llama.cpp drops blanks behind special tokens by the name alone. */
    @Test
    void aPhi3WhoseTokensDropBlanksIsCalledSo() throws IOException {
        looksUp = List.of("</s>", "<unk>", "<s>", "<|endoftext|>");
        String note = "general.name is Phi-3 mine: llama.cpp drops the blanks behind special tokens, as this tokenizer"
                + " does, where the name says phi-3";
        assertEquals("Phi-3 mine", exported(phi("mine"), null, true, List.of(note)));
        assertEquals("my-phi3", exported(phi("my-phi3"), null, true, List.of()));
        assertEquals("Phi-3.5-mini", exported(phi("Phi-3.5-mini"), null, true, List.of()));
        assertEquals("phi-4-mini", exported(phi("phi-4-mini"), null, false, List.of()));
        TinyCheckpoint llama = new TinyCheckpoint(directory.resolve("other"), "llama");
        assertEquals("other", exported(llama, null, true, List.of()));
        String kept = "general.name is from-phi 3: where the name says phi-3 llama.cpp drops the blanks behind special"
                + " tokens, which this tokenizer does not";
        assertEquals("from-phi 3", exported(phi("from-phi3"), null, false, List.of(kept)));
    }

    /** It looks four tokens up by their texts, and ends in a fault where one is missing. */
    @ParameterizedTest
    @CsvSource({"phi3, my-Phi-3-run, my-Phi 3-run", "llama, smol-phi3, smol-phi 3", "llama, PHI3, PHI 3"})
    void noOtherModelIsCalledSoForLlamaCppWouldNotLoadIt(String modelType, String name, String expected)
            throws IOException {
        looksUp = List.of("</s>", "<unk>", "<s>");
        String note = "general.name is " + expected
                + ": where the name says phi-3 llama.cpp loads no model without the tokens </s>, <unk>, <s>, <|endoftext|>";
        for (boolean strips : new boolean[] {false, true}) {
            TinyCheckpoint checkpoint = new TinyCheckpoint(directory.resolve(name), modelType);
            assertEquals(expected, exported(checkpoint, null, strips, List.of(note)));
        }
        assertEquals("mine", exported(phi("mine"), null, true, List.of()));
    }

    private TinyCheckpoint phi(String name) {
        return new TinyCheckpoint(directory.resolve(name), "phi3");
    }

    private String exported(TinyCheckpoint checkpoint, @Nullable String said, boolean strips, List<String> notes)
            throws IOException {
        if (said != null) {
            checkpoint.config.put("_name_or_path", said);
        }
        checkpoint.write();
        Path file = checkpoint.directory.resolve("tokenizer.json");
        ObjectNode tokenizer = Json.read(file).toTree();
        ((ObjectNode) tokenizer.get("model")).put("byte_fallback", strips);
        ((ObjectNode) tokenizer.get("added_tokens").get(0)).put("rstrip", true);
        ObjectNode vocabulary = (ObjectNode) tokenizer.get("model").get("vocab");
        for (String token : looksUp) {
            vocabulary.put(token, vocabulary.size());
        }
        Json.write(file, tokenizer);
        try (ModelDirectory source = ModelDirectory.open(checkpoint.directory)) {
            var options = GgufModel.Options.of(checkpoint.directory);
            ExportReport report = GgufModel.write(source, options, directory.resolve("model.gguf"));
            assertEquals(notes, report.notes());
            Map<String, Object> metadata = new GgufReader(report.file()).metadata;
            return String.valueOf(metadata.get("general.name"));
        }
    }
}
