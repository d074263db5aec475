package org.loft4j.cli.demo;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;
import org.loft4j.io.SafetensorsFile;
import org.loft4j.nn.Pooling;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class EncoderDirectoryTest {
    private static final BertShape TINY = new BertShape(4, 2, 2, 6, 10, 8, 2);
    private static final String TOKENIZER =
            "{\"version\": \"1.0\", \"truncation\": {\"max_length\": 128}, \"padding\": {\"pad_id\": 0},"
                    + " \"model\": {\"type\": \"WordPiece\", \"vocab\": {\"[PAD]\": 0, \"\\u00e9\": 1}}}";

    @TempDir
    Path dir;

    private final Map<String, float[]> values = new LinkedHashMap<>();

    @Test
    void namesAndTurnsTheWeights() throws Exception {
        Path jar = jar(export(TINY, "", ""));
        write(dir, jar, TINY);
        try (NativeScope scope = new NativeScope();
                SafetensorsFile file = SafetensorsFile.open(dir.resolve("model.safetensors"))) {
            assertEquals(TINY.tensors().keySet(), file.names());
            for (Map.Entry<String, long[]> entry : TINY.tensors().entrySet()) {
                assertArrayEquals(entry.getValue(), file.info(entry.getKey()).shape(), entry.getKey());
                assertArrayEquals(
                        values.get(entry.getKey()), Tensors.toFloats(file.read(entry.getKey())), entry.getKey());
            }
        }
    }

    @Test
    void writesWhatTransformersReads() throws Exception {
        write(dir, jar(export(TINY, "", "")), TINY);
        JsonObject config = Json.read(dir.resolve("config.json"));
        assertEquals("bert", config.requireString("model_type"));
        assertEquals(List.of("BertModel"), config.strings("architectures"));
        assertEquals(6, config.requireLong("intermediate_size"));
        assertEquals(1e-12, config.requireDouble("layer_norm_eps"));
        assertEquals("mean", config.requireString("classifier_pooling"));
        ObjectNode tokenizer = Json.read(dir.resolve("tokenizer.json")).toTree();
        assertTrue(tokenizer.get("truncation").isNull());
        assertTrue(tokenizer.get("padding").isNull());
        assertEquals(1, tokenizer.at("/model/vocab/é").asInt());
        assertEquals(8, Json.read(dir.resolve("tokenizer_config.json")).requireLong("model_max_length"));
        assertEquals("[CLS]", Json.read(dir.resolve("special_tokens_map.json")).requireString("cls_token"));
    }

    @Test
    void refusesAnotherEncoder() throws Exception {
        Path jar = jar(export(TINY, "encoder.layer.1.output.dense.bias", ""));
        AssetException missing = assertThrows(AssetException.class, () -> write(dir, jar, TINY));
        assertTrue(
                missing.getMessage().endsWith("it has no tensor encoder.layer.1.output.dense.bias"),
                missing.getMessage());

        Path more = jar(export(TINY, "", "encoder.layer.2.output.dense.bias"));
        AssetException extra = assertThrows(AssetException.class, () -> write(dir, more, TINY));
        assertTrue(
                extra.getMessage().endsWith("this encoder lacks: encoder.layer.2.output.dense.bias"),
                extra.getMessage());

        Path same = jar(export(TINY, "", ""));
        BertShape wider = new BertShape(4, 2, 2, 7, 10, 8, 2);
        AssetException shape = assertThrows(AssetException.class, () -> write(dir, same, wider));
        assertTrue(
                shape.getMessage().contains("intermediate.dense.weight is stored as [4, 6], expected [4, 7]"),
                shape.getMessage());
        assertFalse(Files.exists(dir.resolve("model.safetensors")));
    }

    @Test
    void aDirectoryAppearsWholeOrNotAtAll() throws Exception {
        Path target = dir.resolve("a").resolve("model");
        assertThrows(
                AssetException.class,
                () -> FileTrees.build(target, work -> {
                    Files.writeString(work.resolve("half"), "x");
                    throw new AssetException("stop");
                }));
        assertFalse(Files.exists(target));
        try (var left = Files.list(dir.resolve("a"))) {
            assertEquals(0, left.count());
        }
        FileTrees.build(target, work -> Files.writeString(work.resolve("one"), "first"));
        FileTrees.build(target, work -> Files.writeString(work.resolve("one"), "second"));
        assertEquals("first", Files.readString(target.resolve("one")), "another process was faster");
        try (var left = Files.list(dir.resolve("a"))) {
            assertEquals(1, left.count());
        }
    }

    /** A model as PyTorch exports it: linear weights turned and anonymous, with attention's own products among them. */
    private byte[] export(BertShape shape, String without, String with) {
        List<byte[]> nodes = new ArrayList<>();
        List<byte[]> tensors = new ArrayList<>();
        nodes.add(OnnxBytes.node("MatMul", "/encoder/layer.0/attention/self/MatMul", "q", "k"));
        nodes.add(OnnxBytes.node("Add", "/encoder/layer.0/Add", "a", "encoder.layer.0.output.dense.bias"));
        tensors.add(OnnxBytes.message(out -> {
            out.writeInt64(1, 1);
            out.writeInt32(2, 7);
            out.writeString(8, "embeddings.position_ids");
            out.writeByteArray(9, new byte[8]);
        }));
        float next = 0;
        for (Map.Entry<String, long[]> entry : shape.tensors().entrySet()) {
            String name = entry.getKey();
            long[] size = entry.getValue();
            float[] content = new float[(int) (size.length == 2 ? size[0] * size[1] : size[0])];
            for (int i = 0; i < content.length; i++) {
                content[i] = next++;
            }
            values.put(name, content);
            if (name.equals(without)) {
                continue;
            }
            if (name.startsWith("encoder") && size.length == 2) {
                String anonymous = "onnx::MatMul_" + (787 + nodes.size());
                String path =
                        "/" + name.replace(".weight", "").replace('.', '/').replace("layer/", "layer.");
                nodes.add(OnnxBytes.node("MatMul", path + "/MatMul", "x", anonymous));
                float[] turned = new float[content.length];
                for (int i = 0; i < content.length; i++) {
                    int row = (int) (i / size[1]);
                    int column = (int) (i % size[1]);
                    turned[(int) (column * size[0] + row)] = content[i];
                }
                tensors.add(OnnxBytes.tensor(anonymous, new long[] {size[1], size[0]}, turned));
            } else {
                tensors.add(OnnxBytes.tensor(name, size, content));
            }
        }
        if (!with.isEmpty()) {
            tensors.add(OnnxBytes.tensor(with, new long[] {1}, 1));
        }
        return OnnxBytes.model(nodes.toArray(new byte[0][]), tensors.toArray(new byte[0][]));
    }

    private static void write(Path directory, Path jar, BertShape shape) throws Exception {
        EncoderDirectory.write(directory, jar, "some-encoder.onnx", shape, Pooling.MEAN);
    }

    private Path jar(byte[] model) throws Exception {
        Path jar = Files.createTempFile(dir, "model", ".jar");
        try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(jar))) {
            zip.putNextEntry(new ZipEntry("some-encoder.onnx"));
            zip.write(model);
            zip.putNextEntry(new ZipEntry("some-encoder-tokenizer.json"));
            zip.write(TOKENIZER.getBytes(StandardCharsets.UTF_8));
            zip.closeEntry();
        }
        return jar;
    }
}
