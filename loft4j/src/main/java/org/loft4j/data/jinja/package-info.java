/**
 * The part of Jinja 2 that chat templates are written in, evaluated as Python evaluates it: {@link
 * org.loft4j.data.jinja.Template}. Templates come from strangers, so they reach plain values only: no reflection, no files, bounded
 * work.
 */
@NullMarked
package org.loft4j.data.jinja;

import org.jspecify.annotations.NullMarked;
