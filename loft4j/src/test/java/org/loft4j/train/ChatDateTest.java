package org.loft4j.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZonedDateTime;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.ConfigException;
import org.loft4j.data.ChatFormat;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Conversation;
import org.loft4j.data.Dataset;
import org.loft4j.data.Message;
import org.loft4j.data.Tokenizer;
import org.loft4j.model.Fixture;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** A template that writes the date, in a run that goes on the next day. */
class ChatDateTest {
    private static final Path STORIES = Fixture.directory("stories260K");
    private static final ZonedDateTime MONDAY = ZonedDateTime.parse("2026-11-30T23:59:00Z");
    private static final ZonedDateTime TUESDAY = MONDAY.plusDays(1);
    private static final TrainConfig CONFIG =
            TrainConfig.builder(Method.LORA).batchSize(2).epochs(1).saveSteps(1).build();

    @TempDir
    Path folder;

    private Tokenizer tokenizer;
    private ChatFormat format;

    @BeforeEach
    void aTemplateThatWritesTheDate() throws IOException {
        tokenizer = Tokenizer.open(STORIES);
        Path template = Files.writeString(
                folder.resolve("dated.jinja"),
                "{{ bos_token }}{{ strftime_now('%d %b %Y') }}{% for m in messages %} {{ m.content }}{% endfor %}");
        format = new ChatFormat(ChatTemplate.read(template, STORIES));
    }

    @AfterEach
    void close() {
        tokenizer.close();
    }

    private TrainData data(ZonedDateTime moment) throws IOException {
        Conversation talk = new Conversation(
                List.of(Message.of("user", "Once upon a time"), Message.of("assistant", "there was a dog")));
        Dataset rows = Dataset.causalLm(Collections.nCopies(8, talk), tokenizer, 64, format.at(moment));
        return new TrainData(rows, null, tokenizer.padId(), 64);
    }

    /** @param most steps after which it is stopped */
    private TrainResult train(ZonedDateTime moment, Path output, OnExisting onExisting, long most) throws IOException {
        try (Model model = Models.open(STORIES, ModelOptions.of(Task.CAUSAL_LM));
                TrainingRun run = TrainingRun.open(model, data(moment), CONFIG, TinyRun.lora(), output, onExisting)) {
            run.addListener(new TrainListener() {
                @Override
                public void onStep(StepEvent event) {
                    if (event.step() >= most) {
                        run.requestStop();
                    }
                }
            });
            return run.run();
        }
    }

    @Test
    void aRunGoesOnWithTheDateOfItsBeginning() throws IOException {
        Path output = folder.resolve("run");
        assertNull(ChatDate.of(output));
        assertEquals(
                TrainResult.Outcome.INTERRUPTED,
                train(MONDAY, output, OnExisting.REFUSE, 1).outcome());
        var refused = assertThrows(ConfigException.class, () -> train(TUESDAY, output, OnExisting.RESUME, 99));
        assertTrue(refused.getMessage().contains("train_data was 8 rows"), refused.getMessage());
        assertEquals(MONDAY, ChatDate.of(output));
        TrainResult result = train(MONDAY, output, OnExisting.RESUME, 99);
        assertEquals(TrainResult.Outcome.FINISHED, result.outcome());
        assertEquals(MONDAY, ChatDate.of(output));
    }

    @Test
    void aRunWithoutConversationsHasNone() throws IOException {
        TinyRun.train(TinyRun.config(Method.LORA).epochs(1).build(), folder, OnExisting.REFUSE);
        assertNull(ChatDate.of(folder));
    }
}
