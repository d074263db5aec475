package org.loft4j.data.image;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.loft4j.hostile.HostileFormat;

/** preprocessor_config.json, used on a picture if it can be read. */
class DamagedImageProcessorTest implements HostileFormat {
    @Override
    public List<Path> lay(Path folder) throws IOException {
        return List.of(Files.writeString(folder.resolve(ImageProcessorFile.NAME), """
                {"do_normalize": true, "do_rescale": true, "do_resize": true, "do_center_crop": false,
                 "crop_size": {"height": 24, "width": 24}, "image_mean": [0.485, 0.456, 0.406],
                 "image_processor_type": "ViTImageProcessor", "image_std": [0.229, 0.224, 0.225], "resample": 2,
                 "rescale_factor": 0.00392156862745098, "size": {"height": 28, "width": 28}}
                """));
    }

    @Override
    public void read(Path folder, Path damaged) throws IOException {
        ImageProcessor processor = Objects.requireNonNull(ImageProcessorFile.read(folder, 3));
        processor.requireFits(3, 28, 28);
        byte[] grey = new byte[20 * 31 * 3];
        Arrays.fill(grey, (byte) 90);
        Pixels made = processor.resized(new Pixels(20, 31, 3, grey), 3);
        processor.normalise(made, new float[made.values().length], 0);
    }

    @Override
    public List<String> words() {
        return List.of(
                "null",
                "true",
                "false",
                "[]",
                "{}",
                "\"\"",
                "\"size\"",
                "\"crop_size\"",
                "{\"shortest_edge\": 1000000}",
                "{\"height\": 28}",
                "\"shortest_edge\"",
                "\"resample\"",
                "\"image_mean\"",
                "[0, 0, 0]",
                "[1, 1]",
                "\"ViTImageProcessor\"",
                "\"CLIPImageProcessor\"");
    }
}
