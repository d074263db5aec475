package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZonedDateTime;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.CheckpointException;
import org.loft4j.nn.Task;

class TaskFileTest {
    @TempDir
    Path directory;

    private void write(String text) throws IOException {
        Files.writeString(directory.resolve(TaskFile.NAME), text);
    }

    @Test
    void howConversationsWereWrittenIsReadBack() throws IOException {
        TrainedChat chat =
                new TrainedChat(true, "last", Map.of("enable_thinking", false, "level", 3L), ZonedDateTime.now());
        TaskFile task = new TaskFile(Task.CAUSAL_LM, List.of(), null, 64, "models/Base", chat);
        task.write(directory);
        assertEquals(task, TaskFile.read(directory));
    }

    @Test
    void aFileThatSaysNothingOfConversationsIsReadAsBefore() throws IOException {
        write("{\"task\": \"causal_lm\", \"labels\": [], \"pooling\": null, \"max_length\": 64, \"base_model\": null}");
        assertNull(TaskFile.read(directory).chat());
    }

    @Test
    void thatTheTextsWerePairsIsReadBack() throws IOException {
        TaskFile task = new TaskFile(Task.SEQUENCE_CLASSIFICATION, List.of("a", "b"), null, 64, null, null);
        task.write(directory);
        assertFalse(Files.readString(directory.resolve(TaskFile.NAME)).contains("pairs"));
        assertEquals(task, TaskFile.read(directory));
        task.withPairs(true).write(directory);
        assertEquals(task.withPairs(true), TaskFile.read(directory));
        assertTrue(TaskFile.read(directory).pairs());
    }

    @Test
    void aRegressionIsWrittenAsSuchAndNothingElseIs() throws IOException {
        TaskFile numbers = new TaskFile(Task.SEQUENCE_CLASSIFICATION, List.of("LABEL_0"), null, 64, null, null);
        numbers.write(directory);
        assertTrue(Files.readString(directory.resolve(TaskFile.NAME)).contains("\"regression\""));
        assertEquals(numbers, TaskFile.read(directory));
        assertTrue(TaskFile.read(directory).isRegression());
        write("{\"task\": \"sequence_classification\", \"labels\": [\"a\", \"b\"], \"max_length\": 64,"
                + " \"problem_type\": \"regression\"}");
        var fault = assertThrows(CheckpointException.class, () -> TaskFile.read(directory));
        assertTrue(fault.getMessage().contains("\"problem_type\" must be absent, or regression"), fault.getMessage());
    }

    @Test
    void rewardsAreKeptWithTheirWeightsAndTheLengthOfAnswers() throws IOException {
        TaskFile judged = new TaskFile(Task.CAUSAL_LM, List.of(), null, 64, null, null)
                .withRewards(new TrainedRewards(List.of("exact", "regex:[a-z]"), List.of(1.0, 0.2), 16));
        judged.write(directory);
        assertEquals(judged, TaskFile.read(directory));
        String json = "{\"task\": \"causal_lm\", \"labels\": [], \"max_length\": 64, \"rewards\": [\"exact\"], ";
        write(json + "\"reward_weights\": [1, 2], \"max_completion_length\": 16}");
        assertTrue(assertThrows(CheckpointException.class, () -> TaskFile.read(directory))
                .getMessage()
                .contains("\"reward_weights\" must be as many as there are rewards, 1, found 2"));
        write(json + "\"reward_weights\": [1], \"max_completion_length\": 0}");
        assertTrue(assertThrows(CheckpointException.class, () -> TaskFile.read(directory))
                .getMessage()
                .contains("max_completion_length"));
    }

    @Test
    void severalLabelsATextAreWrittenAsSuchAndNoClassesAre() throws IOException {
        TaskFile several =
                new TaskFile(Task.SEQUENCE_CLASSIFICATION, List.of("a", "b"), null, 64, null, null, true, true, null);
        several.write(directory);
        assertTrue(Files.readString(directory.resolve(TaskFile.NAME)).contains("\"multi_label_classification\""));
        assertEquals(several, TaskFile.read(directory));
        assertTrue(several.withPairs(false).options().multiLabel());
        for (String labels : List.of("\"sequence_classification\", \"labels\": [\"a\"]", "\"token_classification\"")) {
            write("{\"task\": " + labels + ", \"max_length\": 64, \"problem_type\": \"multi_label_classification\"}");
            var fault = assertThrows(CheckpointException.class, () -> TaskFile.read(directory));
            assertTrue(
                    fault.getMessage().contains("or multi_label_classification with several, found"),
                    fault.getMessage());
        }
    }

    @Test
    void aDateThatIsNoneIsRefused() throws IOException {
        write(
                "{\"task\": \"causal_lm\", \"max_length\": 64, \"chat\": true, \"loss_on\": \"all\", \"chat_date\": \"today\"}");
        var fault = assertThrows(CheckpointException.class, () -> TaskFile.read(directory));
        assertTrue(fault.getMessage().contains("\"chat_date\" must be a moment such as"), fault.getMessage());
    }

    @Test
    void aPartThatCannotBeLearntIsRefused() throws IOException {
        write("{\"task\": \"causal_lm\", \"max_length\": 64, \"chat\": true, \"loss_on\": \"first\"}");
        var fault = assertThrows(CheckpointException.class, () -> TaskFile.read(directory));
        assertTrue(fault.getMessage().contains("must be one of all, assistant, last, found first"), fault.getMessage());
    }
}
