/** ELECTRA: Clark et al. 2020 (arXiv:2003.10555). */
@NullMarked
package org.loft4j.model.electra;

import org.jspecify.annotations.NullMarked;
