//! One value for every ordered pair of nodes.

use std::ops::{Index, IndexMut};

pub(crate) struct Grid<T> {
    size: usize,
    cells: Vec<T>,
}

impl<T: Clone> Grid<T> {
    pub(crate) fn new(size: usize, cell: T) -> Self {
        Self { size, cells: vec![cell; size * size] }
    }
}

impl<T> Index<(usize, usize)> for Grid<T> {
    type Output = T;

    fn index(&self, (row, column): (usize, usize)) -> &T {
        &self.cells[row * self.size + column]
    }
}

impl<T> IndexMut<(usize, usize)> for Grid<T> {
    fn index_mut(&mut self, (row, column): (usize, usize)) -> &mut T {
        &mut self.cells[row * self.size + column]
    }
}
