package org.loft4j.train;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.ChatFormat;
import org.loft4j.model.TaskFile;
import org.loft4j.model.TrainedChat;
import org.loft4j.nn.Model;

/**
 * What is left beside the weights of a result and of a checkpoint, so that they are used as they were trained.
 *
 * @param template the text of the one that conversations were written by; null where there were none
 */
record RunNotes(TaskFile task, @Nullable String template) {
    static RunNotes of(Model model, TrainData data) {
        ChatFormat format = data.train().chatFormat();
        if (format == null) {
            return new RunNotes(TaskFile.of(model, data.maxLength(), null), null);
        }
        TrainedChat chat =
                new TrainedChat(format.wrapPrompts(), format.lossOn().word(), format.variables(), format.moment());
        return new RunNotes(
                TaskFile.of(model, data.maxLength(), chat), format.template().source());
    }

    void write(Path directory) throws IOException {
        task.write(directory);
        TemplateFile.write(directory, template);
    }
}
