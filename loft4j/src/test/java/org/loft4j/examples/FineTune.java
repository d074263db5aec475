package org.loft4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.DataFiles;
import org.loft4j.data.Dataset;
import org.loft4j.data.Labels;
import org.loft4j.data.Row;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.train.Method;
import org.loft4j.train.OnExisting;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainResult;
import org.loft4j.train.TrainingRun;

/** A classifier from a CSV with the columns text and label. */
final class FineTune {
    private FineTune() {}

    static TrainResult run(Path base, Path csv, Path output) throws IOException {
        List<Row> rows = DataFiles.read(csv);
        Labels labels = Labels.of(rows);
        ModelOptions options = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(labels.names());
        try (Model model = Models.open(base, options);
                Tokenizer tokenizer = Tokenizer.open(base)) {
            Dataset train = Dataset.classification(rows, labels, tokenizer, 128);
            TrainData data = new TrainData(train, null, tokenizer.padId(), 128);
            TrainConfig config =
                    TrainConfig.builder(Method.LOFT, model).batchSize(32).build();
            LoraConfig lora = LoraConfig.of(8, 16, TargetModules.allLinear());
            try (TrainingRun run = TrainingRun.open(model, data, config, lora, output, OnExisting.REFUSE)) {
                return run.run();
            }
        }
    }
}
