package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.Languages;
import org.loft4j.data.MatchDataset;
import org.loft4j.data.MatchPrompts;
import org.loft4j.data.SourceTargetDataset;
import org.loft4j.data.StreamingDataset;
import org.loft4j.data.TrainingSet;
import org.loft4j.model.SentenceFiles;
import org.loft4j.model.TaskFile;
import org.loft4j.model.TrainedChat;
import org.loft4j.model.TrainedRewards;
import org.loft4j.nn.Model;
import org.loft4j.nn.Task;

/**
 * What is left beside the weights of a result and of a checkpoint, so that they are used as they were trained.
 *
 * @param copied files of the base model, or of the tokenizer of the adapter that a run goes on from; null for the checkpoints of an
 *     adapter that are used with the base model's
 * @param template the text of the one that conversations were written by; null where there were none
 * @param end of what a language model has learnt to write in full; null for others
 * @param start directory of the adapter that the run goes on from; null for none
 * @param preferences whether preferences were learnt
 * @param languages that a translation was learnt between; null where there are none
 * @param sentences writes the files of sentence-transformers; null where no sentence embeddings were learnt
 */
record RunNotes(
        TaskFile task,
        @Nullable CopiedFiles copied,
        @Nullable String template,
        @Nullable EndOfTurn end,
        @Nullable Path start,
        boolean preferences,
        @Nullable String rewards,
        @Nullable Languages languages,
        Checkpoints.@Nullable Content sentences) {
    /**
     * The notes of checkpoints. Where all weights are trained, each is a model of its own; a tokenizer that the adapter has which
     * the run goes on from, and the model has not, is in each of them.
     *
     * @param start the adapter that the run goes on from, whose way of writing conversations stands where it has none of its own;
     *     null for none
     */
    static RunNotes of(Model model, TrainData data, TrainConfig config, @Nullable StartingAdapter start)
            throws IOException {
        Method method = config.method();
        TrainedRewards judging = data.rewards() == null
                ? null
                : data.rewards().trained(config.loss().rewards().maxCompletionLength());
        Path directory = model.description().directory();
        if (directory != null) {
            // a link that is not to be copied is refused before the first step, and not with the result
            CopiedFiles.in(directory);
        }
        CopiedFiles ofStart = start == null ? null : start.tokenizer(directory);
        Languages languages = languages(data);
        CopiedFiles found = method.usesAdapter() ? ofStart : CopiedFiles.ofWholeModel(directory);
        CopiedFiles copied = found == null ? null : found.between(languages);
        Path learns = method.usesAdapter() || model.task() != Task.CAUSAL_LM ? null : directory;
        Path from = start == null ? null : start.directory();
        ChatFormat format = data.train().chatFormat();
        if (format == null) {
            TrainedChat before = start == null ? null : start.chat();
            String template = start == null || before == null ? null : start.template();
            return new RunNotes(
                    TaskFile.of(model, data.maxLength(), before)
                            .withPairs(data.train().hasPairs())
                            .withRewards(judging),
                    copied,
                    template,
                    learns == null ? null : EndOfTurn.ofTexts(learns),
                    from,
                    data.train().hasPreferences(),
                    rewards(data),
                    languages,
                    sentences(model, from, data));
        }
        TrainedChat chat =
                new TrainedChat(format.wrapPrompts(), format.lossOn().word(), format.variables(), format.moment());
        return new RunNotes(
                TaskFile.of(model, data.maxLength(), chat)
                        .withPairs(data.train().hasPairs())
                        .withRewards(judging),
                copied,
                format.template().source(),
                learns == null ? null : EndOfTurn.of(format.template(), learns),
                from,
                data.train().hasPreferences(),
                rewards(data),
                null,
                null);
    }

    private static @Nullable Languages languages(TrainData data) {
        TrainingSet rows = data.train() instanceof StreamingDataset stream ? stream.sample() : data.train();
        return rows instanceof SourceTargetDataset both ? both.languages() : null;
    }

    /** What has judged the answers, in words; null where nothing has. */
    private static @Nullable String rewards(TrainData data) {
        return data.rewards() == null ? null : data.rewards().described();
    }

    /** Of the adapter that the run goes on from, else of the model, with what the training makes of them. */
    private static Checkpoints.@Nullable Content sentences(Model model, @Nullable Path start, TrainData data)
            throws IOException {
        if (model.task() != Task.SENTENCE_EMBEDDING) {
            return null;
        }
        Path origin = model.description().directory();
        SentenceFiles before = SentenceFiles.ofAdapter(start, origin);
        SentenceFiles files = SentenceFiles.trained(
                        model, before != null ? before : SentenceFiles.find(origin), data.maxLength())
                .withPrompts(prompts(data).query(), prompts(data).document());
        long size = model.stateSize();
        return directory -> files.write(directory, size);
    }

    /** What stands before texts that are learnt. */
    static MatchPrompts prompts(TrainData data) {
        TrainingSet rows = data.train() instanceof StreamingDataset stream ? stream.sample() : data.train();
        return rows instanceof MatchDataset matches ? matches.prompts() : MatchPrompts.NONE;
    }

    /** The notes of the result, which can be used without the base model's tokenizer. */
    RunNotes ofResult(@Nullable Path modelDirectory) throws IOException {
        return copied != null
                ? this
                : new RunNotes(
                        task,
                        CopiedFiles.of(modelDirectory).between(languages),
                        template,
                        null,
                        start,
                        preferences,
                        rewards,
                        languages,
                        sentences);
    }

    /** To be called when config.json is there. */
    void write(Path directory) throws IOException {
        if (copied != null) {
            copied.write(directory);
        }
        WrittenLanguage.write(directory, languages);
        task.write(directory);
        TemplateFile.write(directory, template);
        if (end != null) {
            end.write(directory);
        }
        if (sentences != null) {
            sentences.writeTo(directory);
        }
    }
}
