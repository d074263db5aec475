package org.loft4j.examples;

import java.io.IOException;
import java.nio.file.Path;
import org.loft4j.data.AdaptersTokenizer;
import org.loft4j.data.DataFiles;
import org.loft4j.data.Dataset;
import org.loft4j.data.Labels;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Models;
import org.loft4j.model.TaskFile;
import org.loft4j.nn.Model;
import org.loft4j.train.Method;
import org.loft4j.train.OnExisting;
import org.loft4j.train.StartingAdapter;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.TrainData;
import org.loft4j.train.TrainResult;
import org.loft4j.train.TrainingRun;

/** A classifier that goes on from the adapter of an earlier training, with rows of the same labels. */
final class GoOn {
    private GoOn() {}

    static TrainResult run(Path base, Path adapter, Path csv, Path output) throws IOException {
        StartingAdapter start = StartingAdapter.read(adapter);
        TaskFile trained = TaskFile.read(adapter);
        try (Model model = Models.open(base, trained.options());
                Tokenizer tokenizer = AdaptersTokenizer.open(base, adapter)) {
            Labels labels = Labels.ofNames(trained.labels());
            int length = trained.maxLength();
            Dataset train = Dataset.classification(DataFiles.read(csv), labels, tokenizer, length);
            TrainData data = new TrainData(train, null, tokenizer.padId(), length);
            TrainConfig config =
                    TrainConfig.builder(Method.LOFT, model).batchSize(32).build();
            try (TrainingRun run = TrainingRun.openFrom(start, model, data, config, output, OnExisting.REFUSE)) {
                return run.run();
            }
        }
    }
}
