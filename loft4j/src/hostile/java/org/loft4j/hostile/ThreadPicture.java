package org.loft4j.hostile;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** What all threads of this process do, in Java and, where the system tells, below it. */
final class ThreadPicture {
    private ThreadPicture() {}

    static String now() {
        StringBuilder text = new StringBuilder();
        Thread.getAllStackTraces().forEach((thread, frames) -> {
            text.append("\n").append(thread.getName()).append(' ').append(thread.getState());
            Arrays.stream(frames).limit(40).forEach(frame -> text.append("\n  at ").append(frame));
        });
        for (String file : List.of("/proc/loadavg", "/proc/pressure/cpu", "/proc/pressure/memory")) {
            text.append("\n").append(file).append(": ").append(read(Path.of(file)).replace("\n", "; "));
        }
        try (Stream<Path> tasks = Files.list(Path.of("/proc/self/task"))) {
            tasks.sorted().forEach(task -> text.append("\n")
                    .append(task.getFileName())
                    .append(": ")
                    .append(read(task.resolve("stat")))
                    .append(" waits in ")
                    .append(read(task.resolve("wchan")))
                    .append(", system call ")
                    .append(read(task.resolve("syscall"))));
        } catch (IOException e) {
            text.append("\nthe system tells nothing of its tasks");
        }
        return text.toString();
    }

    private static String read(Path file) {
        try {
            return Files.readString(file).strip();
        } catch (IOException e) {
            return "?";
        }
    }
}
