package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.model.TaskFile;
import org.loft4j.model.TrainedChat;

/**
 * What the chat template of a run takes for now. Some templates write the date; a run that goes on the next day must find the
 * tokens of the day before.
 *
 * <pre>
 * ZonedDateTime date = ChatDate.of(output);
 * ChatFormat format = date == null ? new ChatFormat(template) : new ChatFormat(template).at(date);
 * </pre>
 */
public final class ChatDate {
    private ChatDate() {}

    /** That of the run in an output directory; null if there is none that could go on, or it learns no conversations. */
    public static @Nullable ZonedDateTime of(Path outputDirectory) throws IOException {
        Checkpoints checkpoints = new Checkpoints(outputDirectory);
        List<Path> places = new ArrayList<>();
        if (Files.exists(outputDirectory.resolve(RunState.FILE))) {
            places.add(outputDirectory);
        }
        checkpoints.steps().forEach(step -> places.add(checkpoints.path(step)));
        for (int i = places.size() - 1; i >= 0; i--) {
            try {
                TrainedChat chat = TaskFile.exists(places.get(i))
                        ? TaskFile.read(places.get(i)).chat()
                        : null;
                if (chat != null && chat.date() != null) {
                    return chat.date();
                }
            } catch (CheckpointException e) {
                // the run, which looks at the whole of it, says what is wrong with it
            }
        }
        return null;
    }
}
