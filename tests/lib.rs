//! Whole-system tests live beside this file, one test target a folder.
