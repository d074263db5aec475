package org.loft4j.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.CheckpointException;

class JsonTest {
    private static final String CONFIG = """
            {"hidden_size": 64, "eps": 1e-12, "theta": 10000, "tied": true, "act": "gelu", "none": null,
             "huge": 1000000000000000019884624838656, "inf": Infinity, "frac": 2.5, "names": ["a", "b"],
             "rope": {"factor": 8.0, "type": "llama3"}, "mixed": ["a", 1]}
            """;

    @TempDir
    Path folder;

    @Test
    void valuesComeBackByType() throws Exception {
        JsonObject json = config();
        assertEquals(64, json.requireLong("hidden_size"));
        assertEquals(64, json.requireInt("hidden_size", 1));
        assertEquals(1e-12, json.requireDouble("eps"));
        assertEquals(10000.0, json.doubleOr("theta", 1));
        assertTrue(json.booleanOr("tied", false));
        assertEquals("gelu", json.requireString("act"));
        assertEquals(List.of("a", "b"), json.strings("names"));
        assertEquals(8.0, json.requireObject("rope").requireDouble("factor"));
        assertTrue(json.keys().containsAll(Set.of("none", "rope")));
        assertEquals(12, json.toTree().size());
    }

    @Test
    void whatIsNotFiniteIsNothingInJson() throws Exception {
        Map<String, Object> tree = new LinkedHashMap<>();
        tree.put("loss", Double.NaN);
        tree.put("curves", List.of(new double[] {1, Double.POSITIVE_INFINITY}, new double[] {0.5, 2}));
        tree.put("range", Map.of("LoRA", Map.of("loss", Double.NEGATIVE_INFINITY)));
        tree.put("name", "NaN");
        assertEquals(
                "{\"loss\":null,\"curves\":[[1.0,null],[0.5,2.0]],\"range\":{\"LoRA\":{\"loss\":null}},\"name\":\"NaN\"}",
                Json.text(Json.finite(tree)));
        double[] whole = {1, 2};
        assertSame(whole, Json.finite(whole));
    }

    @Test
    void whatPythonWroteIsWrittenAsItWasRead() throws Exception {
        Path file = folder.resolve("numbers.json");
        Files.writeString(file, "{\"limits\": [0.0, Infinity], \"none\": NaN}");
        Json.write(file, Json.read(file).toTree());
        assertEquals(
                "{\"limits\":[0.0,Infinity],\"none\":NaN}",
                Files.readString(file).replaceAll("\\s", ""));
    }

    @Test
    void nullAndAbsentTakeTheDefault() throws Exception {
        JsonObject json = config();
        for (String key : List.of("none", "absent")) {
            assertFalse(json.has(key));
            assertNull(json.node(key));
            assertNull(json.findString(key));
            assertNull(json.findObject(key));
            assertEquals(7, json.longOr(key, 7));
            assertEquals(7, json.intOr(key, 7, 1));
            assertEquals(0.5, json.doubleOr(key, 0.5));
            assertTrue(json.booleanOr(key, true));
            assertEquals(key.equals("absent"), json.flagOr(key, true));
            assertFalse(json.flagOr(key, false));
            assertEquals("x", json.stringOr(key, "x"));
            assertEquals(List.of(), json.strings(key));
        }
    }

    @Test
    void wrongTypesNameFileKeyExpectedAndFound() throws Exception {
        JsonObject json = config();
        assertFault(() -> json.requireLong("act"), "\"act\" must be a whole number below 2^63, found \"gelu\"");
        assertFault(() -> json.requireLong("frac"), "\"frac\" must be a whole number below 2^63, found 2.5");
        assertFault(
                () -> json.requireLong("huge"),
                "\"huge\" must be a whole number below 2^63, found 1000000000000000019884624838656");
        assertFault(
                () -> json.requireInt("hidden_size", 65), "\"hidden_size\" must be from 65 to 2147483647, found 64");
        assertFault(() -> json.requireLong("absent"), "\"absent\" must be a whole number, but is missing");
        assertFault(() -> json.requireString("none"), "\"none\" must be a string, but is missing");
        assertFault(() -> json.doubleOr("inf", 1), "\"inf\" must be a finite number, found Infinity");
        assertFault(() -> json.doubleOr("names", 1), "\"names\" must be a finite number, found an array");
        assertFault(() -> json.booleanOr("hidden_size", true), "\"hidden_size\" must be true or false, found 64");
        assertFault(() -> json.requireString("tied"), "\"tied\" must be a string, found true");
        assertFault(() -> json.strings("mixed"), "\"mixed\" must be a string, found 1");
        assertFault(() -> json.strings("act"), "\"act\" must be an array of strings, found \"gelu\"");
        assertFault(() -> json.requireObject("act"), "\"act\" must be an object, found \"gelu\"");
        assertFault(
                () -> json.requireObject("rope").requireLong("type"),
                "\"rope.type\" must be a whole number below 2^63, found \"llama3\"");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "[]",
                "1",
                "null",
                "\"text\"",
                "{",
                "{\"a\":1}}",
                "{\"a\":1}{}",
                "{\"a\":1,\"a\":2}",
                "{\"x\":{\"a\":1,\"a\":2}}",
                "{'a':1}",
                "{\"a\":1,}",
                "{\"a\":01}",
                "// a\n{}",
                "\uFEFF{}"
            })
    void whatIsNotOneObjectIsRefused(String text) throws Exception {
        Path file = Files.writeString(folder.resolve("bad.json"), text);
        var e = assertThrows(CheckpointException.class, () -> Json.read(file));
        assertTrue(String.valueOf(e.getMessage()).startsWith(file + ": "), e.getMessage());
        assertThrows(CheckpointException.class, () -> Json.parse(file, text));
    }

    @Test
    void hostileFilesAreRefused() throws Exception {
        Path file = folder.resolve("hostile.json");
        for (String text : List.of(
                "{\"a\":" + "[".repeat(2_000_000),
                "{\"a\":" + "9".repeat(1_000_000) + "}",
                "{\"" + "k".repeat(1 << 20) + "\":1}")) {
            Files.writeString(file, text);
            var e = assertThrows(CheckpointException.class, () -> Json.read(file));
            assertTrue(String.valueOf(e.getMessage()).contains("is not valid JSON"), e.getMessage());
            assertTrue(String.valueOf(e.getMessage()).length() < 1000);
        }
        Files.write(file, new byte[] {'{', '"', (byte) 0xFF, '"', ':', '1', '}'});
        var e = assertThrows(CheckpointException.class, () -> Json.read(file));
        assertEquals(file + ": is not UTF-8 text", e.getMessage());
        var missing = assertThrows(CheckpointException.class, () -> Json.read(folder.resolve("none.json")));
        assertEquals(folder.resolve("none.json") + ": there is no such file", missing.getMessage());
        assertThrows(CheckpointException.class, () -> Json.read(folder));
    }

    @Test
    void whatIsWrittenIsIndentedAndReadsBack() throws Exception {
        var tree = new LinkedHashMap<String, Object>();
        tree.put("r", 16);
        tree.put("alpha", 32.5);
        tree.put("peft_type", "LORA");
        tree.put("modules", List.of("q_proj", "v_proj"));
        tree.put("inner", Map.of("x", true));
        tree.put("nothing", null);
        Path file = folder.resolve("out/config.json");
        Json.write(file, tree);
        assertEquals("""
                {
                  "r": 16,
                  "alpha": 32.5,
                  "peft_type": "LORA",
                  "modules": [ "q_proj", "v_proj" ],
                  "inner": {
                    "x": true
                  },
                  "nothing": null
                }
                """, Files.readString(file));
        assertEquals(List.copyOf(tree.keySet()), List.copyOf(Json.read(file).keys()));
        Json.write(file, Json.read(file).toTree());
        assertEquals("{\"s\":[1,null]}", Json.text(Map.of("s", Arrays.asList(1, null))));
    }

    @Test
    void everyDoubleReadsBackBitEqual() throws Exception {
        long seed = Long.getLong("tests.seed", System.nanoTime());
        System.out.println("-Dtests.seed=" + seed);
        var random = new java.util.Random(seed);
        for (int i = 0; i < 1000; i++) {
            double value = Double.longBitsToDouble(random.nextLong());
            if (Double.isFinite(value)) {
                JsonObject json = Json.parse(folder, Json.text(Map.of("x", value)));
                assertEquals(value, json.requireDouble("x"));
            }
        }
    }

    private JsonObject config() throws Exception {
        return Json.read(Files.writeString(folder.resolve("config.json"), CONFIG, StandardCharsets.UTF_8));
    }

    private void assertFault(Executable access, String fault) {
        var e = assertThrows(CheckpointException.class, access);
        assertEquals(folder.resolve("config.json") + ": " + fault, e.getMessage());
    }
}
