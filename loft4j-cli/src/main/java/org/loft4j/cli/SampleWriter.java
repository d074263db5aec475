package org.loft4j.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.loft4j.NotFiniteException;
import org.loft4j.data.Tokenizer;
import org.loft4j.infer.Generator;
import org.loft4j.infer.SamplingConfig;
import org.loft4j.infer.TextGenerator;
import org.loft4j.infer.TextGenerator.Answer;
import org.loft4j.infer.TextGenerator.Request;
import org.loft4j.nn.Model;
import org.loft4j.train.Evaluation;
import org.loft4j.train.RunLog;
import org.loft4j.train.TrainListener;

/**
 * Writes what the model says to the same prompts, before its first step and after each evaluation, to {@code samples.jsonl}. The
 * likeliest token is taken each time, so nothing random enters the run.
 */
final class SampleWriter implements TrainListener, AutoCloseable {
    static final String FILE = "samples.jsonl";

    private final Prompts prompts;
    private final Generator generator;
    private final Tokenizer tokenizer;
    private final Request request;
    private final RunLog log;

    /**
     * @param model in evaluation mode whenever this is told of an evaluation
     * @param step steps behind the run: samples of later ones are cut off
     * @param evaluationPending whether the evaluation after that step is still to be made: its samples are cut off too
     */
    SampleWriter(
            Path directory,
            Prompts prompts,
            Model model,
            Tokenizer tokenizer,
            int tokens,
            long step,
            boolean evaluationPending)
            throws IOException {
        this.prompts = prompts;
        this.generator = Generator.of(model);
        this.tokenizer = tokenizer;
        this.request = prompts.request(tokens, List.of(), SamplingConfig.GREEDY, tokenizer);
        // all samples but the first belong to an evaluation
        this.log = RunLog.open(directory.resolve(FILE), step, line -> evaluationPending);
        if (step == 0) {
            write(0);
        }
    }

    @Override
    public void onEvaluation(long step, Evaluation evaluation, boolean best) {
        try {
            write(step);
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        }
    }

    private void write(long step) throws IOException {
        List<Prompts.Prompt> all = prompts.prompts();
        List<Answer> answers = List.of();
        String fault = null;
        // its thread goes with it: the memory of the process is the training's
        try (TextGenerator texts = new TextGenerator(generator, tokenizer)) {
            answers = texts.generate(all.stream().map(Prompts.Prompt::ids).toList(), request, (row, piece) -> {});
        } catch (NotFiniteException e) {
            // whether a run goes on that has diverged is not for samples to say
            fault = e.getMessage();
        }
        for (int i = 0; i < all.size(); i++) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("step", step);
            entry.put("prompt", all.get(i).shown());
            entry.put("text", fault == null ? answers.get(i).text() : "(none: " + fault + ")");
            log.append(entry);
        }
    }

    @Override
    public void close() throws IOException {
        log.close();
    }
}
