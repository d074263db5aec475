package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.HubEnvironment;
import picocli.CommandLine;

class ConfigCommandTest {
    @TempDir
    Path directory;

    @Test
    void everySettingHasItsOriginAndTheWholeIsAFileAgain() throws IOException {
        Path file = Files.writeString(directory.resolve("run.yaml"), "method: lora\nlora_alpha: 8\noutput_dir: run\n");
        Captured call = Captured.loft("config", "train", "--config", file.toString(), "--rank", "4", "--no-load-best");
        assertEquals(0, call.status(), call.err());
        assertLine(call, "method: lora +# file");
        assertLine(call, "r: 4 +# option");
        assertLine(call, "lora_alpha: 8\\.0 +# file");
        assertLine(call, "load_best_model_at_end: false +# option");
        assertLine(call, "num_train_epochs: 1 +# default");
        // the default of the method, which no option states
        assertLine(call, "# learning_rate: 0\\.001 +# default");
        assertLine(call, "# model_name_or_path: +# default");
        assertLine(Captured.loft("config", "train"), "# output_dir: +# missing");
        Path again = Files.writeString(directory.resolve("again.yaml"), call.out());
        Captured second = Captured.loft("config", "--config", again.toString(), "--json");
        assertEquals(0, second.status(), second.err());
        JsonNode tree = new ObjectMapper().readTree(second.out());
        assertEquals(4, tree.at("/r/value").asInt());
        assertEquals("file", tree.at("/num_train_epochs/origin").asText());
        assertEquals("lora", tree.at("/method/value").asText());
        assertFalse(tree.at("/load_best_model_at_end/value").asBoolean(true));
    }

    @Test
    void rsLoraHasItsAlphaWhicheverWayItIsAskedFor() {
        for (String[] way : new String[][] {{"--method", "rslora"}, {"--method", "lora", "--rslora"}}) {
            Captured call =
                    Captured.loft(Stream.concat(Stream.of("config", "train", "--rank", "64"), Arrays.stream(way))
                            .toArray(String[]::new));
            assertEquals(0, call.status(), call.err());
            assertLine(call, "# lora_alpha: 8\\.0 +# default");
        }
        assertLine(Captured.loft("config", "train", "--rank", "64"), "# lora_alpha: 128\\.0 +# default");
    }

    /** Else each further method that is asked of the file would be rsLoRA, too. */
    @Test
    void ofMethodRsLoraTheMethodAloneSaysIt() throws IOException {
        Path file = Files.writeString(
                directory.resolve("rslora.yaml"),
                Captured.loft("config", "train", "--method", "rslora").out());
        Captured other = Captured.loft("config", "--config", file.toString(), "--method", "lora", "--json");
        assertEquals(0, other.status(), other.err());
        JsonNode tree = new ObjectMapper().readTree(other.out());
        assertEquals("lora", tree.at("/method/value").asText());
        assertFalse(tree.at("/use_rslora/value").asBoolean());
    }

    /** Of a method's own defaults none is another's setting. */
    @Test
    void whatACallLeavesOpenIsOpenInItsFile() throws IOException {
        Path file = Files.writeString(
                directory.resolve("lora.yaml"),
                Captured.loft("config", "train", "--method", "lora-rite", "--beta1", "0.8")
                        .out());
        for (String method : new String[] {"loft-tangent", "loft-muon", "full"}) {
            JsonNode direct = tree("--method", method, "--beta1", "0.8");
            JsonNode over = tree("--config", file.toString(), "--method", method);
            for (String key :
                    new String[] {"learning_rate", "adam_beta1", "adam_beta2", "adam_epsilon", "match_rate"}) {
                assertEquals(direct.at("/" + key + "/value"), over.at("/" + key + "/value"), method + " " + key);
            }
        }
        JsonNode other = tree("--config", file.toString(), "--rank", "4");
        assertEquals(8, other.at("/lora_alpha/value").asDouble());
    }

    private static JsonNode tree(String... words) throws IOException {
        Captured call = Captured.loft(Stream.concat(Stream.of("config", "train", "--json"), Arrays.stream(words))
                .toArray(String[]::new));
        assertEquals(0, call.status(), call.err());
        return new ObjectMapper().readTree(call.out());
    }

    /** The origin is behind the value, and a value that goes on in the next line would be cut by it. */
    @Test
    void aLongValueIsOneAgain() throws IOException {
        String text = "It was said: \"no\", # and 'yes', and so on. ".repeat(9).strip();
        String query =
                "SELECT text, label FROM 'chats/*.parquet' WHERE score > 3 AND text <> '' ORDER BY text, label, score";
        Captured call = Captured.loft("config", "train", "--data", query, "--sample-prompt", text);
        Path file = Files.writeString(directory.resolve("long.yaml"), call.out());
        JsonNode tree = tree("--config", file.toString());
        assertEquals(query, tree.at("/train_file/value").asText());
        assertEquals(text, tree.at("/sample_prompt/value/0").asText());
    }

    private static void assertLine(Captured call, String pattern) {
        assertTrue(call.out().lines().anyMatch(line -> line.matches(pattern)), pattern + " in\n" + call.out());
    }

    @Test
    void whatIsWrongIsToldAsTheCallWouldTellIt() throws IOException {
        Path file = Files.writeString(directory.resolve("run.yaml"), "learning_rte: 1\nlearning_rate: much\n");
        Captured call = Captured.loft("config", "--config", file.toString(), "--rank", "x");
        assertEquals(2, call.status());
        assertTrue(call.err().contains("unknown key learning_rte; did you mean learning_rate?"), call.err());
        assertTrue(call.err().contains("learning_rate: 'much' is not a number"), call.err());
        assertTrue(call.err().contains("'x' is not a whole number"), call.err());
        assertEquals(2, Captured.loft("config", "nothing").status());
        assertEquals(2, Captured.loft("config", "train", "--epochs", "0").status());
    }

    @Test
    void anEmptyListIsOneAgain() throws IOException {
        Path file = Files.writeString(directory.resolve("run.yaml"), "sample_prompt: []\n");
        Captured call = Captured.loft("config", "train", "--config", file.toString());
        assertEquals(0, call.status(), call.err());
        assertLine(call, "sample_prompt: \\[\\] +# file");
    }

    private static Set<String> accepted() {
        Set<String> keys = new TreeSet<>(ConfigKeys.all().keys());
        keys.addAll(ConfigKeys.aliases().keySet());
        keys.addAll(ConfigFile.HALF.keySet());
        keys.add(ConfigFile.COURSE);
        return keys;
    }

    private static JsonNode schema() throws IOException {
        Captured call = Captured.loft("config", "--schema");
        assertEquals(0, call.status(), call.err());
        return new ObjectMapper().readTree(call.out());
    }

    @Test
    void theSchemaHasTheKeysThatAreAcceptedAndNoOthers() throws IOException {
        JsonNode schema = schema();
        assertEquals(
                "https://json-schema.org/draft/2020-12/schema",
                schema.path("$schema").asText());
        assertFalse(schema.path("additionalProperties").asBoolean(true));
        Set<String> described = new TreeSet<>();
        schema.path("properties").fieldNames().forEachRemaining(described::add);
        assertEquals(accepted(), described);
        // as a file sees it: each key is known, and the schema's others are not
        for (String key : described) {
            assertTrue(unknown(key).isEmpty(), key);
        }
        assertFalse(unknown("learning_rte").isEmpty());
        for (JsonNode property : schema.path("properties")) {
            assertTrue(property.path("description").asText().length() > 10, property.toString());
            assertFalse(property.path("description").asText().contains("${"), property.toString());
        }
    }

    private Set<String> unknown(String key) throws IOException {
        Path file = Files.writeString(directory.resolve("one.yaml"), key + ": x\n");
        return ConfigFile.of("--config", file.toString()).problems().stream()
                .filter(problem -> problem.contains("unknown key"))
                .collect(Collectors.toSet());
    }

    @Test
    void wordsAndTypesOfTheSchemaAreThoseOfTheOptions() throws IOException {
        JsonNode properties = schema().path("properties");
        assertEquals("integer", properties.at("/r/type").asText());
        assertEquals(16, properties.at("/r/default").asInt());
        assertTrue(properties.path("learning_rate").toString().contains("number"));
        assertTrue(
                properties.path("method").toString().contains("\"loft-muon\""),
                properties.path("method").toString());
        int tried = 0;
        PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
        for (var words = properties.fields(); words.hasNext(); ) {
            var property = words.next();
            for (JsonNode word : property.getValue().path("enum")) {
                Path file = Files.writeString(directory.resolve("word.yaml"), property.getKey() + ": " + word + "\n");
                for (String verb : new String[] {"train", "compare", "generate", "eval"}) {
                    String[] args = {verb, "--config", file.toString()};
                    CommandLine root = Call.commandLine(HubEnvironment::ofUser, nowhere, nowhere, args);
                    for (Exception error : root.parseArgs(args).subcommand().errors()) {
                        assertTrue(
                                error instanceof CommandLine.MissingParameterException,
                                property.getKey() + " " + word + ": " + error.getMessage());
                    }
                }
                tried++;
            }
        }
        assertTrue(tried > 40, "words tried: " + tried);
    }

    /** The page on the command line has every key that is not the option itself, and every other name. */
    @Test
    void thePageHasTheKeys() throws IOException {
        String page = Files.readString(Path.of("../docs/command-line.md"));
        ConfigKeys.visit(Loft.commandLine(HubEnvironment::ofUser), (key, option) -> {
            String name = option.longestName();
            if (!key.equals(name.substring(2).replace('-', '_'))) {
                String verb = option.command().name();
                assertTrue(
                        Stream.of("", " of `" + verb + "`")
                                        .anyMatch(of -> page.contains("| `" + name + "`" + of + " | `" + key + "` |"))
                                || key.equals("test_file"),
                        name);
            }
        });
        ConfigKeys.aliases().keySet().forEach(alias -> assertTrue(page.contains("`" + alias + "`"), alias));
    }
}
