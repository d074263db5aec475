package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** {@code loft adapters}. */
class AdaptersCommandTest {
    private static final String ADAPTER =
            Fixtures.of("llama_gqa").resolve("adapter").toString();

    @TempDir
    Path directory;

    /** The result is used as its parts were trained. */
    @Test
    void whatLiesBesideAdaptersComesAlongWhereTheyAreCombined() throws IOException {
        Path first = Files.createDirectories(directory.resolve("first"));
        Path second = Files.createDirectories(directory.resolve("second"));
        for (String name : List.of("adapter_config.json", "adapter_model.safetensors")) {
            Files.copy(Path.of(ADAPTER).resolve(name), first.resolve(name));
            Files.copy(Path.of(ADAPTER).resolve(name), second.resolve(name));
        }
        String task = "{\"task\": \"causal_lm\", \"labels\": [], \"max_length\": 16, \"chat\": true,"
                + " \"loss_on\": \"last\", \"chat_date\": \"2026-01-0%dT00:00Z\"}";
        for (Path part : List.of(first, second)) {
            Files.writeString(part.resolve("loft_task.json"), String.format(task, part == first ? 1 : 2));
            Files.writeString(part.resolve("chat_template.jinja"), "one");
            Files.copy(Fixtures.of("stories260K").resolve("tokenizer.json"), part.resolve("tokenizer.json"));
        }
        Path both = directory.resolve("both");
        Captured alike = combine(first, second, both);
        assertEquals(0, alike.status(), alike.err());
        assertEquals("", alike.err());
        String trained = Files.readString(both.resolve("loft_task.json"));
        assertTrue(trained.contains("\"loss_on\": \"last\""), trained);
        assertEquals("one", Files.readString(both.resolve("chat_template.jinja")));
        assertEquals(-1, Files.mismatch(first.resolve("tokenizer.json"), both.resolve("tokenizer.json")));

        Files.writeString(second.resolve("chat_template.jinja"), "two");
        Files.writeString(
                second.resolve("loft_task.json"), task.replace("16", "32").replace("%d", "2"));
        Path unlike = directory.resolve("unlike");
        Captured warned = combine(first, second, unlike);
        assertEquals(0, warned.status(), warned.err());
        for (String word : List.of("the chat template", "loft_task.json")) {
            assertTrue(
                    warned.err()
                            .contains(word + " of " + second + " is not that of " + first + ", which the result has"),
                    warned.err());
        }
        assertEquals("one", Files.readString(unlike.resolve("chat_template.jinja")));
    }

    /** A stranger's adapter would have it published with the result. */
    @Test
    @DisabledOnOs(value = OS.WINDOWS, disabledReason = "links want a right there")
    void noOtherFileOfTheMachineComesAlong() throws IOException {
        Path first = Files.createDirectories(directory.resolve("first"));
        for (String name : List.of("adapter_config.json", "adapter_model.safetensors")) {
            Files.copy(Path.of(ADAPTER).resolve(name), first.resolve(name));
        }
        Files.writeString(first.resolve("tokenizer.json"), "{}");
        Path secret = Files.writeString(directory.resolve("id_rsa"), "secret");
        Files.createSymbolicLink(first.resolve("vocab.txt"), secret);
        Path both = directory.resolve("both");
        Captured refused = combine(first, Path.of(ADAPTER), both);
        assertEquals(1, refused.status(), refused.out());
        assertTrue(refused.err().contains("vocab.txt: is a link to "), refused.err());
        assertTrue(Files.notExists(both.resolve("vocab.txt")));
    }

    private static Captured combine(Path first, Path second, Path output) {
        String[] call = {"adapters", "combine", "--adapter", first.toString(), "--adapter", second.toString()};
        return Captured.loft(Stream.concat(Stream.of(call), Stream.of("--output", output.toString()))
                .toArray(String[]::new));
    }

    @Test
    void adaptersAreCombinedAndListed() throws IOException {
        Path both = directory.resolve("both");
        String other = Fixtures.of("llama_gqa_adapters").resolve("rslora").toString();
        Captured combined = Captured.loft(
                "adapters",
                "combine",
                "--adapter",
                ADAPTER + "=0.7",
                "--adapter",
                other + "=-0.3",
                "--how",
                "svd",
                "--rank",
                "4",
                "--output",
                both.toString());
        assertEquals(0, combined.status(), combined.err());
        Captured list = Captured.loft("adapters", "list", directory.toString(), other, "--json");
        JsonNode tree = new ObjectMapper().readTree(list.out());
        assertEquals(2, tree.size(), list.out());
        assertEquals("4", tree.get(0).get("r").asText());
        assertEquals("rsLoRA", tree.get(1).get("kind").asText());
        Path damaged = Files.createDirectories(directory.resolve("damaged"));
        Files.writeString(damaged.resolve("adapter_config.json"), "{\"r\": ");
        Captured rows = Captured.loft("adapters", "list", directory.toString());
        assertEquals(0, rows.status(), rows.err());
        assertTrue(rows.out().contains("both") && rows.out().contains("is not valid JSON"), rows.out());
        Captured used = Captured.loft("inspect", both.toString());
        assertEquals(0, used.status(), used.err());
        Captured wrong = Captured.loft("adapters", "combine", "--adapter", ADAPTER + "=much", "--output", "x");
        assertEquals(2, wrong.status());
        assertTrue(wrong.err().contains("DIR=WEIGHT"), wrong.err());
        assertEquals(2, Captured.loft("adapters").status());
    }
}
