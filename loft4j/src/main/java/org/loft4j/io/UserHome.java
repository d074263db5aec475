package org.loft4j.io;

import java.nio.file.Path;
import java.util.Map;

/**
 * The user's home, as a shell and Python have it: {@code HOME}, but on Windows. Java asks the list of users, which names another
 * one under {@code sudo}, and none in many containers.
 */
public final class UserHome {
    private UserHome() {}

    /** That of this process. */
    public static Path get() {
        return of(System.getenv(), System.getProperty("os.name", ""), System.getProperty("user.home", "."));
    }

    /** @param listed what Java says */
    static Path of(Map<String, String> environment, String osName, String listed) {
        String home = osName.startsWith("Windows") ? "" : environment.getOrDefault("HOME", "");
        return home.startsWith("/") ? Path.of(home) : Path.of(listed);
    }
}
