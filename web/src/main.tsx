// Where the page begins.
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import '@patternfly/react-core/dist/styles/base.css';
import { App } from './app';
import './style.css';
import './host.css';
import { applyLanguage, applyTheme, language } from './taste';

applyLanguage(language());
applyTheme();
const root = document.getElementById('root');
if (root) createRoot(root).render(<App />);
