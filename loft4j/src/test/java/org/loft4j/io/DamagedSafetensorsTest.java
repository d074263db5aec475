package org.loft4j.io;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.hostile.HostileFormat;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class DamagedSafetensorsTest implements HostileFormat {
    static final List<String> WORDS = List.of(
            "null",
            "true",
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            "\"",
            "\\u0000",
            "[]",
            "{}",
            "\"U8\"",
            "\"F64\"",
            "\"BOOL\"",
            "\"F4\"",
            "\"shape\"",
            "\"dtype\"",
            "\"data_offsets\"",
            "\"__metadata__\"",
            "[0,0]",
            "[1,2,3]",
            " ",
            "\0");

    @Override
    public List<Path> lay(Path folder) throws Exception {
        Path file = folder.resolve("a.safetensors");
        try (NativeScope scope = new NativeScope()) {
            Map<String, Tensor> tensors = Map.of(
                    "layer.0.weight", Tensors.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3),
                    "layer.0.bias", Tensors.of(new double[] {1, 2}, 2),
                    "ids", Tensors.of(new long[] {7}, 1),
                    "mask", Tensors.zeros(Dtype.BOOL, DeviceSpec.CPU, 3),
                    "empty", Tensors.zeros(Dtype.I32, DeviceSpec.CPU, 0, 4));
            SafetensorsWriter.write(file, tensors, Map.of("step", "12"));
        }
        return List.of(file);
    }

    @Override
    public void read(Path folder, Path damaged) throws Exception {
        SafetensorsFuzzTest.readAll(damaged, Files.size(damaged));
    }

    @Override
    public List<String> words() {
        return WORDS;
    }
}
