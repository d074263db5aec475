package org.loft4j.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.ConfigException;
import org.loft4j.DataException;
import org.loft4j.cli.ui.ReportPage;
import org.loft4j.cli.ui.UiServer;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Origin;
import org.loft4j.data.PlainText;
import org.loft4j.data.Row;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.Generator;
import org.loft4j.nn.Model;
import org.loft4j.train.TrainResult;
import org.loft4j.train.TrainingRun;

/** A run with all that shows it: the page while it goes on, samples, and the report at its end. */
final class WatchedRun {
    private WatchedRun() {}

    /** Makes the writer of samples once there is a run; null where there is none to make. */
    interface Samples {
        Samples NONE = training -> null;

        @Nullable
        SampleWriter of(TrainingRun training) throws IOException;

        /**
         * The samples of a language model. What they ask is made at once, so that one which cannot be asked keeps the run from
         * being begun.
         *
         * @param format how the training writes conversations: a prompt is then a turn of the user; null where it has none
         * @throws ConfigException if a prompt is too long for the model, or the template does not take it
         */
        static Samples of(WatchFlags watch, @Nullable ChatFormat format, Model model, Tokenizer tokenizer, Path output)
                throws DataException {
            if (watch.samplePrompts.isEmpty()) {
                return NONE;
            }
            ChatFormat turns = format == null
                    ? null
                    : new ChatFormat(format.template(), format.lossOn(), true, format.variables()).at(format.moment());
            List<Row> rows = watch.samplePrompts.stream()
                    .map(text -> (Row) new PlainText(text, Origin.MEMORY))
                    .toList();
            Generator generator = Generator.of(model);
            Prompts prompts;
            try {
                prompts = Prompts.of(rows, turns, new PromptFlags(), tokenizer, generator, AskedTexts.Faults.END);
            } catch (ConfigException e) {
                throw new ConfigException("--sample-prompt: " + e.getMessage(), e);
            }
            return training -> {
                training.trainable().setTraining(false);
                return new SampleWriter(
                        output,
                        prompts,
                        model,
                        tokenizer,
                        watch.sampleTokens,
                        training.step(),
                        training.evaluationPending());
            };
        }
    }

    static TrainResult run(TrainingRun training, WatchFlags watch, Samples samples, Path output, PrintWriter err)
            throws IOException {
        try (UiServer server = watch.serve(output, err);
                SampleWriter writer = samples.of(training)) {
            if (writer != null) {
                training.addListener(writer);
            }
            TrainResult result = training.run();
            try {
                ReportPage.write(output);
            } catch (IOException e) {
                // the run is whole without it
                err.println("loft: " + ReportPage.FILE + " could not be written: " + e.getMessage());
            }
            return result;
        }
    }
}
