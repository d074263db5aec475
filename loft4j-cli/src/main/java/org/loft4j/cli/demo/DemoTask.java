package org.loft4j.cli.demo;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import org.loft4j.data.Dataset;
import org.loft4j.train.Method;
import org.loft4j.train.TrainData;

/**
 * The model and the sentences of the demo, for whoever else trains on them.
 *
 * @param model directory of the encoder
 * @param labels of the two classes
 * @param training rows to learn from, and validation rows
 * @param test rows
 */
public record DemoTask(Path model, List<String> labels, TrainData training, Dataset test) {
    /**
     * Makes what is missing in the cache, and reads it.
     *
     * @param quick whether a part of the held-out sentences is enough
     * @param say gets one line of text for each thing that takes long
     */
    public static DemoTask open(Path cache, boolean quick, Consumer<String> say) throws IOException {
        DemoAssets assets = DemoAssets.prepare(cache, DemoModel.MINILM, say);
        DemoSettings settings = new DemoSettings(
                DemoModel.MINILM, List.of(Method.LOFT), 1, null, 1, quick, 0, "cpu", cache, Path.of("unused"));
        DemoData data = DemoData.read(assets.model(), assets.data(), settings);
        return new DemoTask(assets.model(), data.labels().names(), data.training(), data.test());
    }
}
