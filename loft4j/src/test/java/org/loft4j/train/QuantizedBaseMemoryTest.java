package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ProcessStatus;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.Json;
import org.loft4j.model.Models;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.KeyValueCache;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.LoadIn;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** What a whole model in four bits takes of the memory of a process: opened from a bfloat16 file, trained, and asked for text. */
class QuantizedBaseMemoryTest {
    /** The sizes of a Llama with a tied head. */
    private record Sizes(int layers, int hidden, int width, int heads, int keyValueHeads, int vocabulary) {
        long table() {
            return (long) vocabulary * hidden;
        }

        Map<String, Object> config() {
            Map<String, Object> config = new LinkedHashMap<>();
            config.put("model_type", "llama");
            config.put("architectures", List.of("LlamaForCausalLM"));
            config.put("vocab_size", vocabulary);
            config.put("hidden_size", hidden);
            config.put("num_hidden_layers", layers);
            config.put("num_attention_heads", heads);
            config.put("num_key_value_heads", keyValueHeads);
            config.put("intermediate_size", width);
            config.put("max_position_embeddings", 512);
            config.put("rms_norm_eps", 1e-5);
            config.put("rope_theta", 500000.0);
            config.put("hidden_act", "silu");
            config.put("tie_word_embeddings", true);
            return config;
        }

        Map<String, long[]> shapes() {
            long keys = (long) hidden / heads * keyValueHeads;
            Map<String, long[]> shapes = new LinkedHashMap<>();
            shapes.put("model.embed_tokens.weight", new long[] {vocabulary, hidden});
            for (int i = 0; i < layers; i++) {
                String layer = "model.layers." + i + ".";
                shapes.put(layer + "input_layernorm.weight", new long[] {hidden});
                shapes.put(layer + "self_attn.q_proj.weight", new long[] {hidden, hidden});
                shapes.put(layer + "self_attn.k_proj.weight", new long[] {keys, hidden});
                shapes.put(layer + "self_attn.v_proj.weight", new long[] {keys, hidden});
                shapes.put(layer + "self_attn.o_proj.weight", new long[] {hidden, hidden});
                shapes.put(layer + "post_attention_layernorm.weight", new long[] {hidden});
                shapes.put(layer + "mlp.gate_proj.weight", new long[] {width, hidden});
                shapes.put(layer + "mlp.up_proj.weight", new long[] {width, hidden});
                shapes.put(layer + "mlp.down_proj.weight", new long[] {hidden, width});
            }
            shapes.put("model.norm.weight", new long[] {hidden});
            return shapes;
        }
    }

    /** Bytes that the model says it takes, growth of the resident size by it, and its peaks while it is read and in a step. */
    private record Usage(long elements, long stored, long resident, long reading, long step) {}

    private static void write(Path directory, Sizes sizes) throws IOException {
        Json.write(directory.resolve("config.json"), sizes.config());
        StringBuilder header = new StringBuilder("{");
        long end = 0;
        for (Map.Entry<String, long[]> entry : sizes.shapes().entrySet()) {
            long[] shape = entry.getValue();
            long begin = end;
            end += 2 * shape[0] * (shape.length > 1 ? shape[1] : 1);
            header.append(header.length() > 1 ? "," : "")
                    .append("\"%s\":{\"dtype\":\"BF16\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
                            .formatted(entry.getKey(), Arrays.toString(shape).replace(" ", ""), begin, end));
        }
        byte[] json = header.append("}").toString().getBytes(StandardCharsets.UTF_8);
        ByteBuffer some = ByteBuffer.allocate(1 << 22).order(ByteOrder.LITTLE_ENDIAN);
        Random random = new Random(3);
        while (some.hasRemaining()) {
            some.putShort((short) (Float.floatToIntBits((float) (0.02 * random.nextGaussian())) >> 16));
        }
        try (OutputStream out = Files.newOutputStream(directory.resolve("model.safetensors"))) {
            out.write(ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(json.length)
                    .array());
            out.write(json);
            for (long done = 0; done < end; done += some.capacity()) {
                out.write(some.array(), 0, (int) Math.min(some.capacity(), end - done));
            }
        }
    }

    private static Usage measure(Sizes sizes, int tokens, Path directory) throws IOException {
        write(directory, sizes);
        Process process = ChildJvm.start(
                QuantizedBaseMemoryTest.class,
                directory.resolve("child.log"),
                List.of("-Xms96m", "-Xmx96m", "-XX:+AlwaysPreTouch", "-XX:+UseSerialGC"),
                directory.toString(),
                Integer.toString(tokens));
        try (BufferedReader lines = process.inputReader()) {
            String last = lines.lines().reduce("", (a, b) -> b);
            String[] words = last.split(" ");
            assertEquals(7, words.length, last);
            Usage usage = new Usage(
                    Long.parseLong(words[0]),
                    Long.parseLong(words[1]),
                    Long.parseLong(words[2]),
                    Long.parseLong(words[3]),
                    Long.parseLong(words[4]));
            double full = 2.0 * usage.elements;
            System.out.printf(
                    "%.0f M numbers, %.0f MB in bfloat16: %.1f MB stored (%.4f), %.1f MB resident (%.4f),"
                            + " %.1f MB at most while read, a step with %d tokens %.1f MB more; step %s s, token %s s%n",
                    usage.elements / 1e6,
                    full / 1e6,
                    usage.stored / 1e6,
                    usage.stored / full,
                    usage.resident / 1e6,
                    usage.resident / full,
                    usage.reading / 1e6,
                    tokens,
                    usage.step / 1e6,
                    words[5],
                    words[6]);
            return usage;
        }
    }

    public static void main(String[] arguments) throws IOException {
        Path directory = Path.of(arguments[0]);
        long[] ids = new long[Integer.parseInt(arguments[1])];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = 7L * i;
        }
        // libtorch's code and thread pool come into memory with the first model
        Path tiny = Files.createDirectory(directory.resolve("tiny"));
        write(tiny, new Sizes(1, 64, 64, 2, 1, 256));
        try (Decoder warm = open(tiny)) {
            step(warm, new long[] {1, 2, 3});
        }
        long before = ProcessStatus.bytes("VmRSS:");
        Files.writeString(Path.of("/proc/self/clear_refs"), "5");
        try (Decoder model = open(directory)) {
            long reading = ProcessStatus.bytes("VmHWM:");
            long loaded = ProcessStatus.bytes("VmRSS:");
            Files.writeString(Path.of("/proc/self/clear_refs"), "5");
            double step = step(model, ids);
            double token = token(model);
            long peak = ProcessStatus.bytes("VmHWM:");
            System.out.println(
                    model.weights().elements() + " " + model.weights().bytes() + " " + (loaded - before) + " "
                            + (reading - before) + " " + (peak - loaded) + " %.2f %.2f".formatted(step, token));
        }
    }

    private static Decoder open(Path directory) throws IOException {
        return (Decoder) Models.open(directory, ModelOptions.of(Task.CAUSAL_LM).withLoadIn(LoadIn.NF4));
    }

    private static double step(Decoder model, long[] ids) {
        try (NativeScope scope = new NativeScope();
                LoraAdapter adapter = LoraAdapter.create(model, LoraConfig.of(4, 8, TargetModules.allLinear()), 1)) {
            Tensor rows = Tensors.of(ids, 1, ids.length);
            long start = System.nanoTime();
            double loss = new LanguageModelLoss(model).backward(new TokenInput(rows, null), rows, 1, 0);
            if (!Double.isFinite(loss)
                    || adapter.layers().values().stream()
                            .noneMatch(layer -> layer.loraB().grad().norm().item_double() > 0)) {
                throw new AssertionError("loss " + loss + ", or no gradient");
            }
            return (System.nanoTime() - start) / 1e9;
        }
    }

    private static double token(Decoder model) {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                KeyValueCache cache = new KeyValueCache()) {
            model.nextLogits(Tensors.of(new long[] {1, 2, 3, 4}, 1, 4), null, cache);
            long start = System.nanoTime();
            model.nextLogits(Tensors.of(new long[] {5}, 1, 1), null, cache);
            return (System.nanoTime() - start) / 1e9;
        }
    }

    /** The table of tokens, 134 MB in bfloat16, is all but the whole of this model, and is never whole. */
    @EnabledOnOs(OS.LINUX)
    @Test
    void theTableOfTokensIsNeverWhole(@TempDir Path directory) throws IOException {
        Sizes sizes = new Sizes(1, 1024, 1024, 8, 4, 65536);
        Usage usage = measure(sizes, 8, directory);
        long table = 2 * sizes.table();
        assertTrue(usage.stored <= 0.27 * 2 * usage.elements, "stored " + usage);
        assertTrue(usage.reading < usage.stored + table / 2, "reading " + usage);
        assertTrue(usage.step < table, "step " + usage);
    }

    /** The shapes of Llama 3.2 1B. */
    @EnabledOnOs(OS.LINUX)
    @Test
    @Tag("slow")
    void aWholeModelTakesLessThanThreeTenthsOfBfloat16(@TempDir Path directory) throws IOException {
        Sizes sizes = new Sizes(16, 2048, 8192, 32, 8, 128256);
        Usage usage = measure(sizes, 64, directory);
        assertEquals(1_235_814_400, usage.elements);
        long full = 2 * usage.elements;
        assertTrue(usage.resident <= 0.30 * full, "resident " + usage);
        assertTrue(usage.reading <= 0.30 * full, "reading " + usage);
        assertTrue(usage.step < 2 * sizes.table(), "step " + usage);
    }
}
