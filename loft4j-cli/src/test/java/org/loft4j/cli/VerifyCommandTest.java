package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Transformers' and PEFT's numbers, through the command line. */
class VerifyCommandTest {
    @ParameterizedTest
    @CsvSource({"bert_cls", "llama_gqa", "gpt2", "mistral_sw", "qwen2", "qwen3", "vit_cls", "t5_gated", "mbart"})
    void modelAdapterAndMergeAgreeWithTheReference(String family) throws IOException {
        Path directory = Fixtures.of(family);
        JsonNode tree =
                json(verify(directory, "--adapter", directory.resolve("adapter").toString(), "--json"));
        assertEquals(List.of("base", "lora", "merged"), texts(tree.get("prefixes")));
        List<String> names = new ArrayList<>();
        tree.get("tensors").forEach(tensor -> {
            assertTrue(tensor.get("passed").asBoolean(), tensor.toString());
            names.add(tensor.get("name").asText());
        });
        assertTrue(names.containsAll(List.of("base.logits", "base.loss", "lora.logits", "lora.loss", "merged.logits")));
        assertTrue(names.stream().anyMatch(name -> name.startsWith("base.grad.")), names.toString());
        assertTrue(names.stream().anyMatch(name -> name.startsWith("lora.grad.base_model.model.")), names.toString());
    }

    @Test
    void aDoraAdapterAgreesWithPeft() throws IOException {
        Path model = Fixtures.of("llama_gqa");
        Path adapter = Fixtures.of("llama_gqa_adapters/dora");
        JsonNode tree = json(Captured.loft(
                "verify",
                "--model",
                model.toString(),
                "--adapter",
                adapter.toString(),
                "--input",
                model.resolve("input.safetensors").toString(),
                "--expected",
                adapter.resolve("expected.safetensors").toString(),
                "--json"));
        assertEquals(List.of("lora", "merged"), texts(tree.get("prefixes")));
        int magnitudes = 0;
        for (JsonNode tensor : tree.get("tensors")) {
            assertTrue(tensor.get("passed").asBoolean(), tensor.toString());
            magnitudes += tensor.get("name").asText().contains("lora_magnitude_vector") ? 1 : 0;
        }
        assertEquals(14, magnitudes);
    }

    @Test
    void withoutAnAdapterOnlyTheBaseIsCompared() throws IOException {
        Captured call = verify(Fixtures.of("bert_cls"));
        assertEquals(0, call.status(), call.err());
        assertTrue(call.out().contains("base.logits"), call.out());
        assertFalse(call.out().contains("lora."), call.out());
        assertTrue(call.out().contains("all within bounds"), call.out());
    }

    @Test
    void pastTheToleranceItFails() {
        Captured call = verify(Fixtures.of("bert_cls"), "--prefix", "base", "--tolerance", "1e-12");
        assertEquals(1, call.status(), call.err());
        assertTrue(call.out().contains("PAST THE BOUND"), call.out());
    }

    @Test
    void aPrefixWithNothingToCompareIsAFailure() {
        Captured call = verify(Fixtures.of("bert_cls"), "--prefix", "nothing");
        assertEquals(1, call.status());
        assertTrue(call.err().contains("no tensor named nothing.logits"), call.err());
    }

    @Test
    void wrongCallsAreNamedTogether() {
        Captured call = Captured.loft("verify", "--prefix", "merged", "--tolerance", "-1", "--model", "none");
        assertEquals(2, call.status());
        assertTrue(call.err().contains("--model none is not a directory"), call.err());
        assertTrue(call.err().contains("--prefix merged needs --adapter DIR"), call.err());
        assertTrue(call.err().contains("tolerance must be at least 0"), call.err());
        assertTrue(call.err().contains("--expected"), call.err());
    }

    private static Captured verify(Path directory, String... more) {
        List<String> args = new ArrayList<>(List.of(
                "verify",
                "--model",
                directory.toString(),
                "--input",
                directory.resolve("input.safetensors").toString(),
                "--expected",
                directory.resolve("expected.safetensors").toString()));
        args.addAll(List.of(more));
        return Captured.loft(args.toArray(String[]::new));
    }

    private static JsonNode json(Captured call) throws IOException {
        assertEquals(0, call.status(), call.out() + call.err());
        return new ObjectMapper().readTree(call.out());
    }

    private static List<String> texts(JsonNode array) {
        List<String> texts = new ArrayList<>();
        array.forEach(element -> texts.add(element.asText()));
        return texts;
    }
}
